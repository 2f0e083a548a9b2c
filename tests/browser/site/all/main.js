// A page that has all of the package, for tests to call.

import * as timeweft from 'timeweft';

Object.assign(globalThis, timeweft);
document.title = 'ready';
