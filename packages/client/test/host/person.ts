/** Tabs for the host's tests, and a host to talk to. */

import type { Ack, Said, ToAll, ToEntity, ToTab, Upstream } from '../../src/messages.js';
import { ackChannel, allChannel, entityChannel, tabChannel, tabLock, upstreamChannel } from '../../src/messages.js';
import { startHost, type RunningHost } from '../../src/host/index.js';
import { bytes, FakeChannel, FakeReplicas, settle, text, URL_, type Browser } from './fakes.js';

type WithoutTab<M> = M extends unknown ? Omit<M, 'tab'> : never;

/** A tab that hears everything and says what the test wants. It acks by itself while `acks`. */
export class Tab {
  readonly heard: string[] = [];
  readonly messages: (ToAll | ToTab | Said)[] = [];
  epoch = '';
  acks = true;
  readonly #channels: FakeChannel[] = [];
  readonly #upstream = new FakeChannel(upstreamChannel(URL_));
  readonly #acks = new FakeChannel(ackChannel(URL_));
  #release = (): void => undefined;

  static async open(browser: Browser, name: string): Promise<Tab> {
    const tab = new Tab(name);
    tab.#release = browser.locks.hold(tabLock(URL_, name));
    await settle();
    tab.listen(allChannel(URL_));
    tab.listen(tabChannel(URL_, name));
    tab.say({ type: 'hello', url: URL_, policy: 'keep-theirs-where-both' });
    await settle();
    return tab;
  }

  private constructor(readonly name: string) {}

  listen(name: string, entity?: string): void {
    const channel = new FakeChannel(name);
    this.#channels.push(channel);
    channel.onmessage = ({ data }) => {
      const messages = entity ? (data as ToEntity).said : [data as ToAll | ToTab];
      for (const message of messages) {
        this.messages.push(message);
        this.heard.push(short(message, entity));
        if ('epoch' in message) this.epoch = message.epoch;
      }
      if (entity && this.acks && messages.some(({ type }) => type === 'reset' || type === 'show' || type === 'state')) this.ack(entity);
    };
  }

  say(message: WithoutTab<Upstream>): void {
    this.#upstream.postMessage({ tab: this.name, ...message });
  }

  ack(entity: string): void {
    this.#acks.postMessage({ type: 'ack', tab: this.name, entity, epoch: this.epoch, seq: 0 } satisfies Ack);
  }

  async show(entity: string, personId = 'ann'): Promise<void> {
    this.listen(entityChannel(URL_, personId, entity), entity);
    this.say({ type: 'open', entity });
    await settle();
  }

  edit(entity: string, op: number, patch: string): void {
    this.say({ type: 'edit', entity, epoch: this.epoch, op, seen: op - 1, merge: false, action: { patch: bytes(patch) } });
  }

  /** Closes it without a word, as a crash does. */
  end(): void {
    for (const channel of this.#channels) channel.close();
    this.#release();
  }
}

/** A message in a few words. */
const short = (message: ToAll | ToTab | Said, entity?: string): string => {
  const words: unknown[] = [message.type];
  if ('status' in message) words.push(message.status);
  if ('me' in message) words.push(message.me?.personId ?? 'nobody');
  if ('warning' in message) words.push(message.warning.code);
  if ('unsent' in message) words.push(...message.unsent);
  if ('value' in message && message.value) words.push(`"${text(message.value)}"`);
  if ('patch' in message) words.push(`"${text(message.patch)}"`);
  if ('entity' in message || entity) words.push(entity ?? (message as { entity: string }).entity);
  if ('op' in message) words.push(message.tab, message.op);
  if (message.type === 'kept') words.push(...Object.entries(message.ops).flat());
  return words.join(' ');
};

export interface Hosted extends RunningHost {
  /** Every instance that was made, the last one at work. */
  instances: FakeReplicas[];
  readonly replicas: FakeReplicas;
}

export const host = async (): Promise<Hosted> => {
  const instances: FakeReplicas[] = [];
  const running = startHost({
    url: URL_,
    instantiate: async () => {
      const replicas = new FakeReplicas();
      instances.push(replicas);
      return replicas;
    },
  });
  await settle();
  return {
    ...running,
    instances,
    get replicas() {
      const last = instances.at(-1);
      if (!last) throw new Error('no instance');
      return last;
    },
  };
};
