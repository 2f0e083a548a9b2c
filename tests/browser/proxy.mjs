// A line between browser and server that can be cut, stalled, and made to lose, repeat, delay and reorder frames.

import { createServer, request } from 'node:http';
import { once } from 'node:events';
import { WebSocket, WebSocketServer } from 'ws';

const FINE = { drop: 0, repeat: 0, delay: 0 };

export class Proxy {
  /** What happens to each frame: probabilities of being dropped and repeated, and the longest delay in milliseconds. */
  weather = FINE;
  /** Answers 426 to sockets, as a server without a gateway does. */
  refusesSockets = false;
  /** Nothing but pages and scripts gets through; the rest waits. */
  isStalled = false;
  /** Sees each frame: `up` or `down`, as bytes. Returns false to swallow it. */
  watch = () => true;
  /** How many sockets were opened, and which are open. */
  opened = 0;
  sockets = new Set();
  #random = 12345;
  #connections = new Set();

  static async before(server) {
    const proxy = new Proxy();
    proxy.server = server;
    await proxy.#listen(0);
    return proxy;
  }

  get url() {
    return `http://127.0.0.1:${this.port}`;
  }

  async #listen(port) {
    this.http = createServer((incoming, outgoing) => this.#request(incoming, outgoing));
    this.http.on('upgrade', (incoming, socket, head) => this.#upgrade(incoming, socket, head));
    this.http.on('connection', connection => {
      this.#connections.add(connection);
      connection.on('close', () => this.#connections.delete(connection));
    });
    this.http.listen(port, '127.0.0.1');
    await once(this.http, 'listening');
    this.port = this.http.address().port;
  }

  /** Refuses connections, and breaks those that are open. */
  async down() {
    this.http.close();
    for (const connection of this.#connections) connection.destroy();
    for (const socket of this.sockets) socket.terminate();
    await once(this.http, 'close');
  }

  async up() {
    await this.#listen(this.port);
  }

  /** Breaks the sockets that are open. */
  cut() {
    for (const socket of this.sockets) socket.terminate();
  }

  chance() {
    this.#random = (this.#random * 1103515245 + 12345) % 2147483648;
    return this.#random / 2147483648;
  }

  #request(incoming, outgoing) {
    const isFile = incoming.method === 'GET' && (incoming.url === '/' || /\.(js|wasm|html|css|map|svg|webmanifest|png|ico)$/.test(incoming.url));
    if (this.isStalled && !isFile) return;
    const { method, headers, url: path } = incoming;
    const upstream = request({ host: '127.0.0.1', port: this.server.port, method, headers, path }, answer => {
      outgoing.writeHead(answer.statusCode, answer.rawHeaders);
      answer.pipe(outgoing);
    });
    upstream.on('error', () => outgoing.destroy());
    incoming.pipe(upstream);
  }

  #upgrade(incoming, socket, head) {
    if (this.isStalled) return;
    if (this.refusesSockets) return socket.end('HTTP/1.1 426 Upgrade Required\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
    const { cookie, origin, host } = incoming.headers;
    const protocols = incoming.headers['sec-websocket-protocol']?.split(/, */) ?? [];
    const headers = { host, ...(cookie && { cookie }), ...(origin && { origin }) };
    const upstream = new WebSocket(`ws://127.0.0.1:${this.server.port}${incoming.url}`, protocols, { headers });
    const refuse = status => socket.end(`HTTP/1.1 ${status} Refused\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
    upstream.on('unexpected-response', (_, answer) => refuse(answer.statusCode));
    upstream.on('error', () => socket.destroy());
    upstream.on('open', () => {
      const door = new WebSocketServer({ noServer: true, handleProtocols: () => upstream.protocol });
      door.handleUpgrade(incoming, socket, head, client => {
        this.opened += 1;
        this.sockets.add(client);
        this.#bridge(client, upstream, 'up');
        this.#bridge(upstream, client, 'down');
        client.on('close', () => this.sockets.delete(client));
      });
    });
  }

  #bridge(from, to, direction) {
    from.on('message', (data, binary) => {
      if (this.watch(direction, data) === false) return;
      const { drop, repeat, delay } = this.weather;
      if (this.chance() < drop) return;
      for (let copies = this.chance() < repeat ? 2 : 1; copies > 0; copies -= 1) {
        const send = () => to.readyState === WebSocket.OPEN && to.send(data, { binary });
        if (delay > 0) setTimeout(send, this.chance() * delay);
        else send();
      }
    });
    from.on('close', (code, reason) => {
      if (code >= 3000) to.close(code, reason);
      else to.terminate();
    });
    from.on('error', () => to.terminate());
  }
}
