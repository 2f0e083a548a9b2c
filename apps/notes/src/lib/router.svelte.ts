import { address, parsed, type Route } from './route.ts';

class Router {
  route = $state.raw<Route>(parsed(location.hash));

  /** Where one was before. */
  before: Route | undefined;

  constructor() {
    addEventListener('hashchange', () => {
      this.before = this.route;
      this.route = parsed(location.hash);
    });
  }

  go(route: Route): void {
    location.hash = address(route);
  }
}

export const router = new Router();
