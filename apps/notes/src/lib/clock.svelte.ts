import { createSubscriber } from 'svelte/reactivity';

const every30s = createSubscriber((update) => {
  const timer = setInterval(update, 30_000);
  return () => clearInterval(timer);
});

/** The time, for showing how long ago something was; what reads it is shown anew now and then. */
export function now(): number {
  every30s();
  return Date.now();
}
