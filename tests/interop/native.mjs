// Speaks with `crates/core/examples/interop.rs`: one JSON line there, one back.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const binary =
  process.env.TIMEWEFT_INTEROP ?? fileURLToPath(new URL('../../target/release/examples/interop', import.meta.url))
if (!existsSync(binary)) {
  throw new Error(`${binary} is missing: cargo build --release -p timeweft-core --example interop, or set TIMEWEFT_INTEROP`)
}

/** Starts the native side; `ask` answers in order. */
export function native() {
  const child = spawn(binary, { stdio: ['pipe', 'pipe', 'inherit'] })
  const waiting = []
  createInterface({ input: child.stdout }).on('line', (line) => waiting.shift()?.(JSON.parse(line)))
  child.on('exit', (code) => waiting.splice(0).forEach((answer) => answer({ error: `the native side ended (${code})` })))
  return {
    ask: (command) =>
      new Promise((answer) => {
        waiting.push(answer)
        child.stdin.write(`${JSON.stringify(command)}\n`)
      }),
    close: () => child.stdin.end(),
  }
}

export const hex = (bytes) => Buffer.from(bytes).toString('hex')
export const unhex = (text) => Buffer.from(text, 'hex')
