/**
 * The client: one link to the host, the entities that are in use, and who is signed in.
 */

import { EntityStore } from './entity.js';
import { callable, ClosedError, mistake, NetworkError, TimeweftError, UnsentChangesError } from './errors.js';
import { closed, namedPolicy, tell, type Body, type Held, type Home } from './home.js';
import { browser, Link, type Surroundings } from './link.js';
import { isSame } from './messages.js';
import type { HostState, ToAll, ToEntity, ToTab } from './messages.js';
import type { Requests } from './requests.js';
import { apply } from './tree/apply.js';
import { decodeAnswer } from './tree/decode.js';
import type { Accepted, Client, ClientOptions, ClientStatus, Entity, Listed, Me, Membership, Policy, Session, Warning } from './types.js';

/**
 * Makes a client for a server. It connects by itself, and stays connected or tries to until it is closed.
 *
 * On a server, where pages are only rendered, it does nothing: entities are `undefined` there.
 *
 * @example
 * import { createClient } from 'timeweft'
 *
 * const client = createClient()
 * const note = client.entity<{ title: string; blob: string }>('note:note-123')
 * note.subscribe(value => { heading.textContent = value?.title ?? '…' })
 */
export const createClient = (options: ClientOptions = {}): Client => new HomeClient(options, browser());

const ID = /^[a-z][a-z0-9-]{0,31}:[A-Za-z0-9_-]{1,64}$/;
/** How long the host may take over signing in or out. */
const PATIENCE = 15_000;

type Heard<T> = Set<{ fn: (value: T) => void }>;

/** A client and what its entities need of it. */
export class HomeClient implements Client, Home {
  readonly policy: Policy;
  readonly #origin: string;
  readonly #getToken: ClientOptions['getToken'];
  readonly #link: Link;
  /** All that anybody may still hold, so that an id has one object; those in use are held. */
  readonly #entities = new Map<string, WeakRef<EntityStore<unknown>>>();
  readonly #dropped = new FinalizationRegistry<string>(id => {
    if (!this.#entities.get(id)?.deref()) this.#entities.delete(id);
  });
  readonly #open = new Set<Held>();
  readonly #onStatus: Heard<ClientStatus> = new Set();
  readonly #onMe: Heard<Me | null> = new Set();
  readonly #onWarning: Heard<Warning> = new Set();
  readonly #answers = new Set<(message: ToTab) => void>();
  readonly #asking = new Set<() => void>();
  readonly #unheard: Body[] = [];
  #status: ClientStatus = 'connecting';
  #me: Me | null = null;
  #warnings: readonly Warning[] = [];
  #epoch: string | undefined;
  #isClosed = false;
  #requests: Promise<Requests> | undefined;

  constructor({ url, worker = 'auto', policy = 'keep-theirs-where-both', getToken, ...rest }: ClientOptions, surroundings: Surroundings | undefined) {
    const [unknown] = Object.keys(rest);
    if (unknown) throw mistake(`createClient has no option ${unknown}: those are url, worker, policy and getToken`);
    const here = globalThis.location?.href ?? 'http://localhost';
    if (url !== undefined && !/^https?:/.test(url)) throw mistake(`${url} is no address as https://notes.example`);
    const { origin } = new URL(url ?? here);
    this.#origin = origin;
    this.#getToken = getToken;
    this.policy = policy;
    const events = {
      host: (state: HostState) => this.#adopt(state),
      all: (message: Exclude<ToAll, { type: 'here' }>) => this.#hearAll(message),
      tab: (message: ToTab) => this.#hearTab(message),
      failed: (message: string) => {
        this.#warn({ code: 'no-host', message });
        this.#setStatus('offline');
      },
    };
    this.#link = new Link(origin, namedPolicy(policy), events, surroundings);
    this.#link.start(worker);
  }

  get tab(): string {
    return this.#link.tab;
  }

  get epoch(): string | undefined {
    return this.#epoch;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  get status(): ClientStatus {
    return this.#status;
  }

  get me(): Me | null {
    return this.#me;
  }

  get warnings(): readonly Warning[] {
    return this.#warnings;
  }

  onStatus(fn: (status: ClientStatus) => void): () => void {
    return listen(this.#onStatus, fn);
  }

  onMe(fn: (me: Me | null) => void): () => void {
    const stop = listen(this.#onMe, fn);
    fn(this.#me);
    return stop;
  }

  onWarning(fn: (warning: Warning) => void): () => void {
    const stop = listen(this.#onWarning, fn);
    for (const warning of this.#warnings) fn(warning);
    return stop;
  }

  login(email: string): Promise<{ code?: string }> {
    return this.request(server => server.login(email));
  }

  verify(email: string, code: string): Promise<Me> {
    return this.#signedIn(server => server.verify(email, code));
  }

  guest(): Promise<Me> {
    return this.#signedIn(server => server.guest());
  }

  impersonate(personId: string): Promise<Me> {
    return this.#signedIn(server => server.impersonate(personId));
  }

  async signIn(): Promise<Me | null> {
    this.#mayUse();
    const token = await this.#getToken?.();
    return token ? this.#signedIn(server => server.exchange(token)) : null;
  }

  async logout({ discard = false }: { discard?: boolean } = {}): Promise<void> {
    this.#mayUse();
    const answer = await this.#ask<Extract<ToTab, { type: 'signed-out' }>>({ type: 'sign-out', discard }, message => message.type === 'signed-out');
    if ('unsent' in answer) throw new UnsentChangesError(answer.unsent);
  }

  async logoutEverywhere(): Promise<void> {
    // First: with this session over, the others could not be ended any more.
    await this.request(server => server.logoutEverywhere());
    await this.logout();
  }

  sessions(): Promise<Session[]> {
    return this.request(server => server.sessions());
  }

  endSession(id: string): Promise<void> {
    return this.request(server => server.endSession(id));
  }

  entity<T = unknown>(id: string): Entity<T> {
    this.#mayUse();
    const known = this.#entities.get(id)?.deref();
    if (known) return known as unknown as Entity<T>;
    if (!ID.test(id)) {
      throw mistake(`${JSON.stringify(id)} is no entity id: those are type:id, as note:note-123`);
    }
    const made = new EntityStore<unknown>(id, this);
    this.#entities.set(id, new WeakRef(made));
    this.#dropped.register(made, id);
    return made as unknown as Entity<T>;
  }

  list(type: string, options?: { limit?: number }): AsyncIterable<Listed> {
    return this.#each(server => server.list(type, options));
  }

  orgs(): AsyncIterable<Membership> {
    return this.#each(server => server.orgs(this.#me?.personId ?? ''));
  }

  accept(token: string): Promise<Accepted> {
    return this.request(server => server.accept(token));
  }

  close(): void {
    if (this.#isClosed) return;
    for (const entity of [...this.#open]) entity.close();
    this.#isClosed = true;
    this.#link.close();
    for (const fail of [...this.#asking]) fail();
  }

  // For entities

  async request<R>(ask: (server: Requests) => R): Promise<Awaited<R>> {
    this.#mayUse();
    this.#requests ??= import('./requests.js').then(
      ({ Requests }) => new Requests(this.#origin, { apply, decodeAnswer }),
      (cause: unknown) => {
        this.#requests = undefined;
        throw new NetworkError('network', 'a part of this page can\'t be loaded: try again', { cause });
      },
    );
    return await ask(await this.#requests);
  }

  post(message: Body): void {
    this.#link.post(message);
  }

  ack(entity: string, seq: number): void {
    this.#link.ack(entity, this.#epoch ?? '', seq);
  }

  listen(entity: string, hear: (message: ToEntity) => void): () => void {
    return this.#link.entity(this.#me?.personId ?? '', entity, hear);
  }

  hold(entity: Held, isOpen: boolean): void {
    if (isOpen) this.#open.add(entity);
    else this.#open.delete(entity);
  }

  // From the host

  #adopt({ epoch, status, me, warnings }: HostState): void {
    if (this.#isClosed) return;
    const isNew = epoch !== this.#epoch;
    // What was done before it was known who is signed in is theirs.
    const isOther = this.#me !== null && me?.personId !== this.#me.personId;
    this.#epoch = epoch;
    for (const message of this.#unheard.splice(0)) this.#link.post(message);
    // What is this tab's own stays while it is so.
    this.#setWarnings([...warnings, ...this.#warnings.filter(({ code }) => code === 'no-token' && status === 'signed-out')]);
    this.#setMe(me);
    this.#setStatus(status);
    if (isNew) for (const ref of this.#entities.values()) ref.deref()?.restart(isOther);
    else for (const entity of this.#open) entity.alive();
  }

  #hearAll(message: Exclude<ToAll, { type: 'here' }>): void {
    if (message.epoch !== this.#epoch) return;
    if (message.type === 'status') return this.#setStatus(message.status);
    if (message.type === 'me') return this.#setMe(message.me);
    const others = this.#warnings.filter(({ code }) => code !== message.warning.code);
    this.#setWarnings(message.over ? others : [...others, message.warning]);
  }

  #hearTab(message: ToTab): void {
    if (message.type === 'reopen') {
      for (const entity of this.#open) if (entity.id === message.entity) entity.reopen();
      return;
    }
    for (const answer of [...this.#answers]) answer(message);
  }

  #setStatus(status: ClientStatus): void {
    if (status === this.#status) return;
    this.#status = status;
    say(this.#onStatus, status);
    // Without a token it stays as it is, until the app calls it.
    if (status === 'signed-out' && this.#getToken) this.signIn().catch(({ message }: Error) => this.#warn({ code: 'no-token', message }));
    for (const entity of [...this.#open]) entity.told();
  }

  #setMe(me: Me | null): void {
    if (isSame(me, this.#me)) return;
    this.#me = me && Object.freeze({ ...me });
    say(this.#onMe, this.#me);
  }

  #setWarnings(warnings: readonly Warning[]): void {
    const known = new Set(this.#warnings.map(({ code }) => code));
    this.#warnings = warnings;
    for (const warning of warnings) if (!known.has(warning.code)) say(this.#onWarning, warning);
  }

  #warn(warning: Warning): void {
    this.#setWarnings([...this.#warnings.filter(({ code }) => code !== warning.code), warning]);
  }

  /** Whoever they are by it, for the host too. */
  async #signedIn(by: (server: Requests) => Promise<Me>): Promise<Me> {
    const me = await this.request(by);
    await this.#ask({ type: 'signed-in', me }, answer => answer.type === 'signed-in' && answer.me.personId === me.personId);
    return me;
  }

  /** Nothing is asked before somebody goes through them. */
  #each<T>(ask: (server: Requests) => AsyncIterable<T>): AsyncIterable<T> {
    this.#mayUse();
    const asked = () => this.request(ask);
    return (async function* () {
      yield* await asked();
    })();
  }

  #mayUse(): void {
    if (this.#isClosed) throw closed();
  }

  /** Asks the host, and waits for what it says to this tab. */
  #ask<M extends ToTab>(message: Body, isAnswer: (message: ToTab) => boolean): Promise<M> {
    return new Promise<M>((resolve, reject) => {
      const done = () => {
        clearTimeout(timer);
        this.#answers.delete(answer);
        this.#asking.delete(fail);
      };
      const fail = () => {
        done();
        reject(new ClosedError('closed', 'this client was closed before the host had answered'));
      };
      const answer = (message: ToTab) => {
        if (!isAnswer(message)) return;
        done();
        resolve(message as M);
      };
      const timer = setTimeout(() => {
        done();
        reject(new TimeweftError('no-host', 'the host does not answer: reload the page, see client.warnings'));
      }, PATIENCE);
      this.#answers.add(answer);
      this.#asking.add(fail);
      // What is said before a host listens, nobody hears.
      if (this.#epoch === undefined) this.#unheard.push(message);
      else this.#link.post(message);
    });
  }
}

const listen = <T>(heard: Heard<T>, fn: (value: T) => void): (() => void) => {
  callable(fn);
  const listener = { fn };
  heard.add(listener);
  return () => void heard.delete(listener);
};

const say = <T>(heard: Heard<T>, value: T): void => {
  for (const { fn } of [...heard]) tell(() => fn(value));
};
