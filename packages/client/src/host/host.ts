/**
 * The host: who it works for, since when, and what the tabs are told of that.
 *
 * A person's data is worked on in a `Run`, one per epoch. Another epoch begins with another person and after a trap of the wasm; these
 * changes happen one after the other, and what tabs say of entities in between is dropped: they say it again when they hear `here`.
 * The person is the one remembered until the server says otherwise, so that there is something to see before it has answered; nothing is
 * sent before it has.
 */

import { ackChannel, isSame, randomId, upstreamChannel } from '../messages.js';
import type { Ack, ClientStatus, Echo, HostState, Me, Upstream, Warning } from '../messages.js';
import { foreignOrigin } from '../reach.js';
import { Connection } from './connection.js';
import { Run } from './run.js';
import { askMe, endSession, Memory, reasonFor } from './session.js';
import { Storage, wipeOthers } from './storage.js';
import { Tabs } from './tabs.js';
import type { Instantiate, Replicas } from './wasm.js';

export interface HostOptions {
  /** The server's origin. */
  readonly url: string;
  readonly instantiate: Instantiate;
}

/** Without tabs and with nothing to send, the connection is closed after this. */
const REST = 10_000;
/** A call that traps so often is not made again in this host's life. */
const POISON = 2;
/** Pauses before a run begins after a trap: none the first time, or the first time after a calm while. */
const TRAP_PAUSE = 500;
const LONGEST_TRAP_PAUSE = 30_000;
const CALM = 300_000;
/** How often it is looked, after the storage was wiped, whether the server has everything. */
const REFRESH = 1_000;
/** Pauses between attempts to end the session of who signed out where no network was. */
const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 30_000;

export class Host {
  readonly #url: string;
  readonly #instantiate: Instantiate;
  readonly #memory: Memory;
  readonly #tabs: Tabs;
  readonly #connection: Connection;
  readonly #upstream: BroadcastChannel;
  readonly #acks: BroadcastChannel;
  readonly #warnings = new Map<string, Warning>();
  readonly #traps = new Map<string, number>();
  readonly #online = (): void => this.#connection.renew();
  #asked = 0;
  #trapped = 0;
  #trappedAt = 0;
  #epoch = randomId();
  #status: ClientStatus = 'connecting';
  #me: Me | null = null;
  #leaving = false;
  /** What was stored was deleted, by somebody who cleared the site's data: what is in memory counts on things that are not there any more. */
  #wiped = false;
  #replicas: Replicas | undefined;
  #storage: Storage | undefined;
  #run: Run | undefined;
  #connected = false;
  /** Between epochs tabs are not answered. */
  #ready = false;
  #changes: Promise<void> = Promise.resolve();
  #rest: ReturnType<typeof setTimeout> | undefined;
  #goodbye: ReturnType<typeof setTimeout> | undefined;
  /** Ends the pause after a trap. */
  #wake = (): void => undefined;
  #started = false;
  #stopped = false;

  constructor({ url, instantiate }: HostOptions) {
    this.#url = url.replace(/\/+$/, '');
    this.#instantiate = instantiate;
    this.#memory = new Memory(url);
    this.#tabs = new Tabs(url, {
      gone: tab => {
        this.#run?.gone(tab);
        if (!this.#tabs.size) this.#doze();
      },
      silent: (entity, tab) => this.#run?.silent(entity, tab),
    });
    this.#connection = new Connection(this.#url, {
      status: status => this.#setStatus(status),
      ask: () => this.#ask(),
      person: (me, valid) => this.#change(async () => (valid() ? this.#become(me) : undefined)),
      up: () => {
        this.#connected = true;
        this.#run?.connected();
      },
      down: () => {
        this.#connected = false;
        this.#run?.disconnected();
      },
      frame: bytes => this.#run?.receive(bytes),
      poll: () => this.#run?.poll(),
      foreign: () => this.#warn({ code: 'foreign-origin', message: foreignOrigin(this.#url) }),
      watched: () => this.#tabs.anyVisible,
    });
    this.#upstream = new BroadcastChannel(upstreamChannel(url));
    this.#acks = new BroadcastChannel(ackChannel(url));
  }

  /** Resolves when tabs are served; rejects where that can't be. */
  async start(): Promise<void> {
    this.#upstream.onmessage = ({ data }: MessageEvent<Upstream>) => this.#take(data);
    this.#acks.onmessage = ({ data }: MessageEvent<Ack | Echo>) => {
      if (data.type === 'echo') return this.#tabs.echoed();
      if (this.#ready && data.epoch === this.#epoch) this.#run?.ack(data.entity, data.tab);
    };
    globalThis.addEventListener?.('online', this.#online);
    await this.#change(async () => {
      const [remembered, replicas] = await Promise.all([this.#memory.recall(), this.#instantiate()]);
      this.#leaving = remembered.leaving;
      this.#replicas = replicas;
      await this.#begin(remembered.me);
    });
    this.#started = true;
    if (this.#stopped) return;
    this.#connection.start();
    this.#doze();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#ready = false;
    clearTimeout(this.#rest);
    clearTimeout(this.#goodbye);
    globalThis.removeEventListener?.('online', this.#online);
    this.#upstream.close();
    this.#acks.close();
    this.#run?.end();
    this.#connection.stop();
    this.#tabs.close();
    this.#wake();
    await this.#changes.catch(() => undefined);
    await this.#storage?.close();
  }

  #take(message: Upstream): void {
    const { tab } = message;
    if (message.type === 'bye') return this.#tabs.remove(tab);
    this.#tabs.add(tab, message.type === 'hello');
    clearTimeout(this.#rest);
    if (!this.#connection.wanted && this.#ready) this.#connection.start();
    switch (message.type) {
      case 'hello':
        this.#tabs.note(tab, { policy: message.policy });
        if (this.#ready) this.#tabs.toTab(tab, { type: 'welcome', ...this.#state() });
        return this.#connection.hurry(5_000);
      case 'visible':
        this.#tabs.note(tab, { visible: message.visible });
        return message.visible ? this.#connection.hurry(1_000) : undefined;
      case 'signed-in':
        return this.#later(async () => {
          this.#leaving = false;
          this.#connection.stop();
          await this.#become(message.me);
          this.#connection.start();
          this.#tabs.toTab(tab, { type: 'signed-in', me: message.me });
        });
      case 'sign-out':
        return this.#later(() => this.#signOut(tab, message.discard));
      default:
        if (!this.#ready) return;
        if (message.type === 'edit') this.#connection.hurry(5_000);
        this.#run?.take(message);
    }
  }

  async #signOut(tab: string, discard: boolean): Promise<void> {
    const unsent = (!discard && (await this.#run?.unsent())) || [];
    if (unsent.length) return this.#tabs.toTab(tab, { type: 'signed-out', unsent });
    this.#leaving = true;
    this.#connection.signedOut();
    await this.#replace(null);
    await this.#leave().catch(() => undefined);
    this.#tabs.toTab(tab, { type: 'signed-out', ok: true });
  }

  /** The server is told of a sign-out, now or when it can be reached: until then its cookie is not believed. */
  async #leave(pause = FIRST_PAUSE): Promise<void> {
    clearTimeout(this.#goodbye);
    try {
      await endSession(this.#url);
    } catch (error) {
      // Nothing else may come to try it again: the network may be back before anybody notices that it was gone.
      const again = (): unknown => this.#leaving && this.#leave(Math.min(LONGEST_PAUSE, 2 * pause)).catch(() => undefined);
      if (!this.#stopped) this.#goodbye = setTimeout(again, pause);
      throw error;
    }
    this.#leaving = false;
    await this.#memory.remember({ me: this.#me, leaving: false });
  }

  async #ask(): Promise<Me | null> {
    if (this.#leaving) await this.#leave();
    const asked = ++this.#asked;
    const me = await askMe(this.#url).catch((error: unknown) => {
      void reasonFor(this.#url, error).then(warning => warning && asked === this.#asked && this.#warn(warning));
      throw error;
    });
    for (const code of ['wrong-server', 'foreign-origin']) this.#warnOver(code);
    // Reading notices that there is nothing left.
    if (!me) await this.#storage?.unsent();
    // With the data the cookie went: nobody is signed in here, and nobody is remembered.
    if (!me && this.#wiped) this.#later(() => this.#replace(null));
    return me;
  }

  /** Begins anew with what the server has, as soon as it has everything. */
  async #refresh(): Promise<void> {
    if (!this.#wiped || this.#stopped) return;
    if ((await this.#run?.unsent())?.length) {
      setTimeout(() => this.#later(() => this.#refresh()), REFRESH);
      return;
    }
    await this.#memory.remember({ me: this.#me, leaving: this.#leaving });
    await this.#begin(this.#me);
  }

  /** The server says that it is this person. */
  async #become(me: Me): Promise<void> {
    if (this.#stopped) return;
    if (this.#me?.personId !== me.personId) return this.#replace(me);
    if (this.#wiped) this.#later(() => this.#refresh());
    if (isSame(this.#me, me)) return;
    this.#me = me;
    await this.#memory.remember({ me, leaving: this.#leaving });
    this.#tabs.toAll({ type: 'me', epoch: this.#epoch, me });
  }

  /** Another person, or nobody: what was there of the one before is deleted. */
  async #replace(me: Me | null): Promise<void> {
    this.#ready = false;
    const before = this.#me;
    // Who signs out has been asked.
    const lost = (me || this.#wiped) && before ? await this.#run?.unsent() : undefined;
    this.#run?.end();
    await this.#memory.remember({ me, leaving: this.#leaving });
    await this.#storage?.wipe();
    this.#storage = undefined;
    this.#warnings.clear();
    if (lost?.length && before) {
      const message = `${before.email ?? 'A guest'} had edits that were not sent yet, to ${lost.join(', ')}. They were deleted ${me ? `when ${me.email ?? 'somebody else'} signed in` : "with this site's data"}.`;
      this.#warnings.set('edits-dropped', { code: 'edits-dropped', message });
    }
    await this.#begin(me);
  }

  /** A new epoch. */
  async #begin(me: Me | null): Promise<void> {
    if (this.#stopped) return;
    this.#me = me;
    this.#wiped = false;
    this.#epoch = randomId();
    this.#tabs.clear();
    this.#run?.end();
    this.#run = undefined;
    if (me) {
      this.#storage ??= await Storage.open(this.#url, me.personId, {
        kept: (entity, ops) => this.#tabs.toEntity(entity, { epoch: this.#epoch, said: [{ type: 'kept', ops: Object.fromEntries(ops) }] }),
        warn: (warning, over) => this.#warn(warning, over),
        unsent: () => this.#run?.unsentNow(),
        inUse: entity => this.#run?.holds(entity) ?? false,
        wiped: () => {
          this.#wiped = true;
          // Is the session still there?
          this.#connection.again();
        },
      });
      this.#run = this.#newRun(me.personId, this.#storage);
      this.#run.begin();
    }
    this.#ready = true;
    this.#tabs.toAll({ type: 'here', ...this.#state() });
    this.#run?.restore();
    if (this.#connected) this.#run?.connected();
    await wipeOthers(this.#url, me?.personId);
  }

  #newRun(personId: string, storage: Storage): Run {
    return new Run({
      epoch: this.#epoch,
      personId,
      replicas: this.#replicas as Replicas,
      storage,
      tabs: this.#tabs,
      send: send => this.#connection.send(send),
      unauthorized: () => this.#connection.signedOut(),
      trapped: (what, error) => this.#trap(what, error),
      careful: this.#traps.size > 0,
      poisonous: what => (this.#traps.get(what) ?? 0) >= POISON,
    });
  }

  /** The instance is lost, and nothing else: what was in it is in IndexedDB or still in the tabs. */
  #trap(what: string, error: unknown): void {
    this.#ready = false;
    this.#traps.set(what, (this.#traps.get(what) ?? 0) + 1);
    if (Date.now() - this.#trappedAt > CALM) this.#trapped = 0;
    this.#trappedAt = Date.now();
    const pause = this.#trapped ? Math.min(LONGEST_TRAP_PAUSE, TRAP_PAUSE * 2 ** this.#trapped) : 0;
    this.#trapped++;
    this.#connection.stop();
    this.#setStatus('connecting');
    this.#later(async () => {
      await new Promise<void>(resolve => {
        this.#wake = resolve;
        setTimeout(resolve, this.#stopped ? 0 : pause);
      });
      if (this.#stopped) return;
      this.#replicas = await this.#instantiate();
      this.#warn({ code: 'restarted', message: `The replicas failed and were started again; nothing is lost (${what}: ${String(error)}).` });
      await this.#begin(this.#me);
      this.#connection.start();
    });
  }

  #state(): HostState {
    return { epoch: this.#epoch, status: this.#status, me: this.#me, warnings: [...this.#warnings.values()] };
  }

  #setStatus(status: ClientStatus): void {
    if (this.#status === status) return;
    this.#status = status;
    if (this.#ready) this.#tabs.toAll({ type: 'status', epoch: this.#epoch, status });
  }

  #warnOver(code: string): void {
    const warning = this.#warnings.get(code);
    if (warning) this.#warn(warning, true);
  }

  #warn(warning: Warning, over?: true): void {
    if (over) this.#warnings.delete(warning.code);
    else this.#warnings.set(warning.code, warning);
    if (this.#ready) this.#tabs.toAll({ type: 'warning', epoch: this.#epoch, warning, ...(over && { over }) });
  }

  /** Nobody is there: let the connection go when nothing needs it. */
  #doze(): void {
    clearTimeout(this.#rest);
    if (this.#stopped || this.#tabs.size) return;
    this.#rest = setTimeout(() => {
      this.#later(async () => {
        if (this.#tabs.size) return;
        if ((await this.#run?.unsent())?.length) this.#doze();
        else this.#connection.stop();
      });
    }, REST);
  }

  /** Changes of epoch and what must not fall into one, strictly one after the other. */
  #change(change: () => Promise<void>): Promise<void> {
    const done = this.#changes.then(change);
    this.#changes = done.catch((error: unknown) => {
      // Half a change is not a state to be in. `start` tells its caller instead.
      if (this.#started && !this.#stopped) this.#trap('change', error);
    });
    return done;
  }

  #later(change: () => Promise<void>): void {
    this.#change(change).catch(() => undefined);
  }
}
