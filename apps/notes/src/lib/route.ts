// The address after the `#`: `#/` is the list, `#/n/{id}` a note, `#/n/{id}/history` its versions.

export type Route = { page: 'list' } | { page: 'note' | 'history'; id: string };

export function parsed(hash: string): Route {
  const [, id, rest] = /^#\/n\/([A-Za-z0-9_-]{1,64})(\/history)?$/.exec(hash) ?? [];
  if (!id) return { page: 'list' };
  return { page: rest ? 'history' : 'note', id };
}

export function address(route: Route): string {
  if (route.page === 'list') return '#/';
  return `#/n/${route.id}${route.page === 'history' ? '/history' : ''}`;
}
