// Times what a tab does with each message of a BroadcastChannel: from before its data are deserialized until the handler has returned. Imported
// before the client, which sets `onmessage`.

/** The same clock in all tabs. */
export const now = () => performance.timeOrigin + performance.now();

/** `{ at, type, spent }`, without the app's own work: `messages.ownWork()` says how much of that there was since it was last called. */
export const messages = [];
messages.ownWork = () => 0;

const { get, set } = Object.getOwnPropertyDescriptor(BroadcastChannel.prototype, 'onmessage');
Object.defineProperty(BroadcastChannel.prototype, 'onmessage', {
  configurable: true,
  get,
  set(handler) {
    set.call(this, handler && function (event) {
      messages.ownWork();
      const from = performance.now();
      handler.call(this, event);
      const spent = performance.now() - from - messages.ownWork();
      messages.push({ at: performance.timeOrigin + from, type: event.data.type, spent });
    });
  },
});
