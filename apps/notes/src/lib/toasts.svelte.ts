// Short messages at the edge of the page. Those that need something done stay until they are put away.

export interface Toast {
  id: number;
  kind: 'info' | 'problem';
  text: string;
  action?: { label: string; run(): void };
}

const LASTING = 10_000;

class Toasts {
  list = $state.raw<readonly Toast[]>([]);
  #next = 1;
  readonly #timers = new Map<number, ReturnType<typeof setTimeout>>();

  info(text: string, action?: Toast['action']): void {
    this.#add({ id: this.#next++, kind: 'info', text, ...(action && { action }) });
  }

  problem(text: string, action?: Toast['action']): void {
    if (this.list.some((toast) => toast.kind === 'problem' && toast.text === text)) return;
    this.#add({ id: this.#next++, kind: 'problem', text, ...(action && { action }) });
  }

  dismiss(id: number): void {
    this.hold(id);
    this.list = this.list.filter((toast) => toast.id !== id);
  }

  /** Keeps a toast while it is pointed at or focused. */
  hold(id: number): void {
    clearTimeout(this.#timers.get(id));
    this.#timers.delete(id);
  }

  release(id: number): void {
    const toast = this.list.find((one) => one.id === id);
    if (toast?.kind !== 'info') return;
    this.hold(id);
    this.#timers.set(id, setTimeout(() => this.dismiss(id), LASTING));
  }

  #add(toast: Toast): void {
    this.list = [...this.list.slice(-2), toast];
    this.release(toast.id);
  }
}

export const toasts = new Toasts();
