// Which notes were listed last, so that the list is there without a network: their ids alone, the notes are the client's.

const KEY = 'timeweft-notes-list';

export function keptList(personId: string): string[] {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(KEY) ?? 'null');
    const { person, ids } = (kept ?? {}) as { person?: unknown; ids?: unknown };
    return person === personId && Array.isArray(ids) ? ids.filter((id): id is string => /^[A-Za-z0-9_-]{1,64}$/.test(String(id))) : [];
  } catch {
    // Storage that may not be used, or holds something else: the list comes with the connection.
    return [];
  }
}

export function keepList(personId: string, ids: readonly string[]): void {
  try {
    localStorage.setItem(KEY, JSON.stringify({ person: personId, ids }));
  } catch {
    // As above.
  }
}

export function forgetList(): void {
  try {
    localStorage.removeItem(KEY);
  } catch {
    // There is nothing of it.
  }
}
