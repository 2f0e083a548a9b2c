/**
 * The tab's side of one entity: what it shows, and which of its edits the host has not answered. Pure; `entity.ts` carries its messages.
 *
 * - `base` is the host's value at `seq`; `view` is what the tab shows: `base` with the tab's own edits on it.
 * - Edits go to the host in order, each with `seen`, the `seq` that `view` was built on. The host fits them in and shows the result to all tabs,
 *   this one included; the tab never transforms anything. While edits wait to be shown (under 1 ms) `view` stays, and what others did waits with them.
 * - When none waits, `view` is `base`, with the nodes of the `view` before wherever they are equal: whoever renders by identity renders only what changed.
 * - An edit is remembered until the host has it on disk (`kept`). A host that was restarted, or has something else than the edit was made on, is sent
 *   it again together with the value that it was made on.
 * - What has no effect here until the host has answered (`undo`, the choice in a conflict) is sent when no edit waits: the host counts edits of a tab as taken up
 *   to the last one it took, so nothing may overtake an edit that it wants again.
 */

import type { Action } from './messages.js';
import { apply } from './tree/apply.js';
import { decodePatch } from './tree/decode.js';
import { diff, reconcile } from './tree/diff.js';
import type { Patch } from './tree/patch.js';
import { asOwn } from './tree/texts.js';

/** One thing that this tab has asked for. */
export interface Op {
  readonly op: number;
  readonly action: Action;
  readonly merge: boolean;
  /** The view before and after. */
  readonly before: unknown;
  readonly after: unknown;
  /** Whether it changed the view at once. */
  readonly local: boolean;
  sent: boolean;
  /** Whether to send it with the value that it was made on. */
  again: boolean;
  shown: boolean;
  kept: boolean;
  /** Whether a `state` of the host has come since it was shown. */
  counted: boolean;
}

/** An entity is created by a `reset`: over nothing, a `show` says only what became of an edit. */
const shown = (base: unknown, patch: Patch): unknown => (base === undefined && patch.kind === 'map' && patch.members.size === 0 ? base : apply(base, patch));

/** Which conflict an action decides. */
export const conflictOf = (action: Action): number | undefined => (typeof action === 'object' && 'resolve' in action ? action.resolve.conflict : undefined);

export class Side {
  base: unknown;
  /** `undefined`: no `reset` has come in this epoch. */
  seq: number | undefined;
  view: unknown;
  /** What `view` was built on. */
  seen = 0;
  ops: Op[] = [];
  #restarted = false;
  #last = 0;

  /** Whether an edit of the view waits for the host. */
  get waiting(): boolean {
    return this.ops.some(op => op.local && !op.shown);
  }

  /** An edit: the view changes at once. */
  edit(action: Action, after: unknown, merge: boolean): void {
    this.#push({ action, after, merge, local: true });
    this.view = after;
  }

  /** What the host alone can do; also an edit of what was shown `before` and is not any more. */
  command(action: Action, before = this.view): void {
    this.#push({ action, before, after: this.view, merge: false, local: false, again: before !== this.view });
  }

  #push(what: Pick<Op, 'action' | 'after' | 'merge' | 'local'> & Partial<Op>): void {
    this.#last += 1;
    this.ops.push({ op: this.#last, before: this.view, again: false, ...what, sent: false, shown: false, kept: false, counted: false });
  }

  /** What is to be sent now, in order; it counts as sent. */
  outgoing(): Op[] {
    const outgoing: Op[] = [];
    if (this.seq === undefined) return outgoing;
    let edits = false;
    for (const op of this.ops) {
      if (op.shown) continue;
      if (!op.sent) {
        if (!op.local && edits) break;
        op.sent = true;
        outgoing.push(op);
      }
      edits ||= op.local;
    }
    return outgoing;
  }

  /** The host starts again, or has lost count of this tab: its `reset` will say what it has. */
  begin(): void {
    this.seq = undefined;
    this.#restarted = true;
  }

  /** Nobody looks any more, and nothing waits. What was shown stays to be compared with. */
  end(): void {
    this.seq = undefined;
    this.base = this.view;
    this.ops = [];
  }

  /** Another person, or none. */
  clear(): void {
    this.view = undefined;
    this.end();
  }

  /**
   * The host's value.
   *
   * @param done the last op of this tab that the value has in it
   */
  reset(seq: number, value: unknown, done: number): void {
    if (this.#restarted) {
      // What is done is done for good: it was read from disk, or is about to be written.
      this.ops = this.ops.filter(op => op.op > done);
      for (const op of this.ops) op.shown = op.kept = op.counted = false;
      this.again(0);
    } else {
      this.#markShown(done);
    }
    this.#restarted = false;
    this.#last = Math.max(this.#last, done);
    this.base = reconcile(this.view, value);
    this.seq = seq;
    // While edits wait, the view is built on nothing that this host knows: it asks for later ones with their value, too.
    this.seen = this.waiting ? 0 : seq;
    if (!this.waiting) this.view = this.base;
    this.#prune();
  }

  /**
   * A change at the host.
   *
   * @param mine set when it is what became of this tab's op
   * @returns `old`: seen before; `gap`: one is missing
   */
  show(seq: number, patch: Uint8Array, mine: { op: number; unchanged: boolean } | undefined): 'taken' | 'old' | 'gap' {
    if (this.seq === undefined || seq <= this.seq) return 'old';
    if (seq !== this.seq + 1) return 'gap';
    const before = this.base;
    const first = this.ops.find(op => op.local && !op.shown);
    const own = mine?.unchanged && first?.before === before && this.ops.find(op => op.local && op.op === mine.op);
    if (own) this.base = own.after;
    else {
      const make = (): unknown => shown(before, decodePatch(patch));
      this.base = mine ? asOwn(make) : make();
    }
    this.seq = seq;
    if (mine) this.#markShown(mine.op);
    this.#settle(before);
    return 'taken';
  }

  #markShown(upTo: number): void {
    for (const op of this.ops) if (op.op <= upTo) op.shown = true;
  }

  #settle(before: unknown): void {
    if (!this.waiting) {
      if (this.view === before || this.base === undefined) this.view = this.base;
      // Not `reconcile`: both trees share nodes, and none may end up in two places.
      else if (this.view !== this.base) this.view = this.base = diff(this.view, this.base)?.tree ?? this.view;
      this.seen = this.seq ?? 0;
    }
    this.#prune();
  }

  /** The host wants this op and those after it once more. */
  again(from: number): void {
    for (const op of this.ops) {
      if (op.op < from || op.shown) continue;
      op.sent = false;
      op.again = true;
    }
  }

  /** The host has this tab's ops up to `op` on disk. */
  kept(op: number): void {
    for (const one of this.ops) {
      if (one.op > op) break;
      one.kept = true;
      // Nothing of it waits to be shown.
      if (!one.local) one.shown = true;
    }
    this.#prune();
  }

  /** Whether a choice in this conflict is on its way. */
  resolves(conflict: number): boolean {
    return this.ops.some(({ action }) => conflictOf(action) === conflict);
  }

  /** The host did not take it. */
  refused(op: number): void {
    this.ops = this.ops.filter(one => one.op !== op);
    // Back to the nodes that were there before.
    if (this.seq !== undefined && !this.waiting) this.view = this.base;
    if (this.seq !== undefined) this.#settle(this.base);
  }

  /** How often can be undone and redone: what the host said last, and what is on its way. */
  steps([undone, redone]: readonly [number, number]): [number, number] {
    let [undo, redo] = [undone, redone];
    for (const { counted, action, local, merge } of this.ops) {
      if (counted) continue;
      if (action === 'undo') [undo, redo] = [undo - 1, redo + 1];
      else if (action === 'redo') [undo, redo] = [undo + 1, redo - 1];
      else if (local) [undo, redo] = [merge && undo > 0 ? undo : undo + 1, 0];
    }
    return [Math.max(0, undo), Math.max(0, redo)];
  }

  /** A `state` has come: it counts what was shown. */
  count(): void {
    for (const op of this.ops) if (op.shown) op.counted = true;
  }

  #prune(): void {
    if (this.ops.some(op => op.shown && op.kept)) this.ops = this.ops.filter(op => !(op.shown && op.kept));
  }
}
