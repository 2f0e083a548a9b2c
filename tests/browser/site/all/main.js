// A page that has all of the package, for tests to call.

import * as timeweft from 'timeweft';
import { bindText } from 'timeweft/text';

Object.assign(globalThis, timeweft, { bindText });
document.title = 'ready';
