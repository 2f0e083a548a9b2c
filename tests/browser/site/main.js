// The page of the client's tests: the package as an app has it, for tests to call.

import { createClient } from 'timeweft';

globalThis.createClient = createClient;
document.title = 'ready';
