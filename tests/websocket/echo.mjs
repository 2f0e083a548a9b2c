// A server behind a gateway that sends back whatever comes on a socket: WebSocket-over-HTTP, without GRIP's control messages.
// Prints the port that it listens on.

import { createServer } from 'node:http';

const MEDIA_TYPE = 'application/websocket-events';
const ECHOED = new Set(['OPEN', 'TEXT', 'BINARY', 'CLOSE']);

/** The events of a body that are sent back, as they came. */
const echo = body => {
  const answers = [];
  for (let at = 0; at < body.length; ) {
    const end = body.indexOf('\r\n', at);
    const [name, length] = body.toString('latin1', at, end).split(' ');
    const next = length === undefined ? end + 2 : end + 2 + parseInt(length, 16) + 2;
    if (ECHOED.has(name)) answers.push(body.subarray(at, next));
    at = next;
  }
  return Buffer.concat(answers);
};

const server = createServer(async (request, response) => {
  if (request.headers['content-type'] !== MEDIA_TYPE) return response.writeHead(404).end();
  const parts = [];
  for await (const part of request) parts.push(part);
  response.writeHead(200, { 'content-type': MEDIA_TYPE }).end(echo(Buffer.concat(parts)));
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
