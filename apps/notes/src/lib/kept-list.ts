// Which notes and teams were listed last, so that the lists are there without a network: their ids alone, the rest is the client's.

const KEYS = { notes: 'timeweft-notes-list', teams: 'timeweft-notes-teams' } as const;

type What = keyof typeof KEYS;

const ID = { notes: /^[A-Za-z0-9_-]{1,64}$/, teams: /^org:[A-Za-z0-9_-]{1,64}$/ };

export function keptList(what: What, personId: string): string[] {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(KEYS[what]) ?? 'null');
    const { person, ids } = (kept ?? {}) as { person?: unknown; ids?: unknown };
    return person === personId && Array.isArray(ids) ? ids.filter((id): id is string => ID[what].test(String(id))) : [];
  } catch {
    // Storage that may not be used, or holds something else: the list comes with the connection.
    return [];
  }
}

export function keepList(what: What, personId: string, ids: readonly string[]): void {
  try {
    localStorage.setItem(KEYS[what], JSON.stringify({ person: personId, ids }));
  } catch {
    // As above.
  }
}

export function forgetLists(): void {
  try {
    Object.values(KEYS).forEach((key) => localStorage.removeItem(key));
  } catch {
    // There is nothing of it.
  }
}
