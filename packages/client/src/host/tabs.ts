/**
 * The tabs that are there, which entities each has open, and the channels to them.
 *
 * - A tab is gone when the lock that it holds for life is granted to us, or when it says so.
 * - After a message on an entity's channel every tab that has it open must ack within five seconds, or it is taken to have left that entity.
 *   Where everybody is busy acks wait in queues for longer than that, so an echo is sent after them and waited for: tabs that open again cost most where
 *   there is least time. A tab that was merely asleep says something about the entity later and is told to open it again (`reopen`).
 */

import { ackChannel, allChannel, entityChannel, tabChannel, tabLock } from '../messages.js';
import type { Echo, NamedPolicy, ToAll, ToEntity, ToTab } from '../messages.js';

export interface TabEvents {
  /** It is no longer there; it has left its entities already. */
  gone(tab: string): void;
  /** It did not ack, and has left that entity. */
  silent(entity: string, tab: string): void;
}

interface Tab {
  readonly channel: BroadcastChannel;
  /** Ends the wait for its lock. */
  readonly waiting: AbortController;
  policy: NamedPolicy;
  visible: boolean;
}

interface Opened {
  readonly channel: BroadcastChannel;
  readonly tabs: Set<string>;
}

/** How long a tab may take to ack. */
export const ACK_PATIENCE = 5_000;

export class Tabs {
  readonly #url: string;
  readonly #events: TabEvents;
  readonly #all: BroadcastChannel;
  readonly #tabs = new Map<string, Tab>();
  readonly #opened = new Map<string, Opened>();
  /** Per entity and tab, when its ack is due. In order, since each is due equally long after it was asked for. */
  readonly #due = new Map<string, { entity: string; tab: string; at: number }>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** When the echo was sent that is waited for. */
  #echo: number | undefined;

  constructor(url: string, events: TabEvents) {
    this.#url = url;
    this.#events = events;
    this.#all = new BroadcastChannel(allChannel(url));
  }

  get size(): number {
    return this.#tabs.size;
  }

  get anyVisible(): boolean {
    return [...this.#tabs.values()].some(tab => tab.visible);
  }

  has(tab: string): boolean {
    return this.#tabs.has(tab);
  }

  /** `greets`: it has said hello, as it does while it lives; anything else may be the last word of one that is gone. */
  add(tab: string, greets: boolean): void {
    if (this.#tabs.has(tab)) return;
    const waiting = new AbortController();
    this.#tabs.set(tab, { channel: new BroadcastChannel(tabChannel(this.#url, tab)), waiting, policy: 'keep-theirs-where-both', visible: true });
    void this.#watch(tab, greets, waiting.signal).catch(() => undefined);
  }

  async #watch(tab: string, greets: boolean, signal: AbortSignal): Promise<void> {
    const name = tabLock(this.#url, tab);
    // Without locks (a page served without TLS) a tab that crashed is noticed by its missing acks. So it is where one that greets does not seem to hold its
    // lock: when a site's data is cleared, browsers begin with other locks, and what was there before does not see them.
    const locks = globalThis.navigator?.locks;
    const isHeld = greets ? await locks?.request(name, { ifAvailable: true }, lock => lock === null) : locks;
    if (isHeld && !signal.aborted) await locks?.request(name, { signal }, () => this.remove(tab));
  }

  remove(tab: string): void {
    const known = this.#tabs.get(tab);
    if (!known) return;
    this.#tabs.delete(tab);
    for (const [entity, { tabs }] of this.#opened) if (tabs.has(tab)) this.leave(entity, tab);
    known.waiting.abort();
    known.channel.close();
    this.#events.gone(tab);
  }

  /** What the tab says of itself. */
  note(tab: string, what: { policy?: NamedPolicy; visible?: boolean }): void {
    const known = this.#tabs.get(tab);
    if (known) Object.assign(known, what);
  }

  policy(tab: string): NamedPolicy {
    return this.#tabs.get(tab)?.policy ?? 'keep-theirs-where-both';
  }

  /** Whether it is the first to open the entity. */
  open(personId: string, entity: string, tab: string): boolean {
    const opened = this.#opened.get(entity);
    if (opened) opened.tabs.add(tab);
    else this.#opened.set(entity, { channel: new BroadcastChannel(entityChannel(this.#url, personId, entity)), tabs: new Set([tab]) });
    return !opened;
  }

  isOpen(entity: string, tab: string): boolean {
    return this.#opened.get(entity)?.tabs.has(tab) ?? false;
  }

  leave(entity: string, tab: string): void {
    const opened = this.#opened.get(entity);
    if (!opened?.tabs.delete(tab)) return;
    this.acked(entity, tab);
    if (opened.tabs.size) return;
    opened.channel.close();
    this.#opened.delete(entity);
  }

  /** Everybody has left everything: the next epoch begins. */
  clear(): void {
    for (const { channel } of this.#opened.values()) channel.close();
    this.#opened.clear();
    this.#due.clear();
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#echo = undefined;
  }

  acked(entity: string, tab: string): void {
    this.#due.delete(key(entity, tab));
    if (this.#due.size) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Whether there are tabs that have not taken in what was shown last. */
  owe(entity: string): boolean {
    return [...(this.#opened.get(entity)?.tabs ?? [])].some(tab => this.#due.has(key(entity, tab)));
  }

  toAll(message: ToAll): void {
    this.#all.postMessage(message);
  }

  toTab(tab: string, message: ToTab): void {
    this.#tabs.get(tab)?.channel.postMessage(message);
  }

  /** What tabs are shown is to be acked. */
  toEntity(entity: string, message: ToEntity): void {
    const opened = this.#opened.get(entity);
    if (!opened) return;
    opened.channel.postMessage(message);
    const shown = message.said.filter(({ type }) => type === 'show' || type === 'reset');
    for (const tab of opened.tabs) if (shown.some(one => !('to' in one) || one.to === tab)) this.#expect(entity, tab);
  }

  close(): void {
    this.clear();
    for (const { channel, waiting } of this.#tabs.values()) {
      waiting.abort();
      channel.close();
    }
    this.#tabs.clear();
    this.#all.close();
  }

  #expect(entity: string, tab: string): void {
    const name = key(entity, tab);
    // What it already owes is due when it was.
    if (!this.#due.has(name)) this.#due.set(name, { entity, tab, at: Date.now() + ACK_PATIENCE });
    this.#timer ??= setTimeout(this.#collect, ACK_PATIENCE);
  }

  readonly #collect = (): void => {
    this.#timer = undefined;
    const [first] = this.#due.values();
    if (!first) return;
    const now = Date.now();
    if (now < first.at) {
      this.#timer = setTimeout(this.#collect, first.at - now);
    } else if (now - first.at > 1_000) {
      // A timer this late means that we were asleep ourselves, and the acks are still in the queue behind it.
      for (const debt of this.#due.values()) debt.at = now + ACK_PATIENCE;
      this.#timer = setTimeout(this.#collect, ACK_PATIENCE);
    } else if (this.#echo === undefined) {
      this.#echo = now;
      const channel = new BroadcastChannel(ackChannel(this.#url));
      channel.postMessage({ type: 'echo' } satisfies Echo);
      channel.close();
    }
  };

  /** What was sent before the echo has come: who still owes an ack that was due then has left. */
  echoed(): void {
    const sent = this.#echo ?? 0;
    this.#echo = undefined;
    for (const [name, debt] of this.#due) {
      if (debt.at > sent) break;
      this.#due.delete(name);
      this.leave(debt.entity, debt.tab);
      this.#events.silent(debt.entity, debt.tab);
    }
    if (!this.#timer) this.#collect();
  }
}

const key = (entity: string, tab: string): string => `${entity} ${tab}`;
