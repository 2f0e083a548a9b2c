/**
 * Scripts of ours that could not be loaded, loaded again.
 *
 * A browser may remember for as long as the page lives that a module could not be loaded, and then fails without asking: so each further try asks under
 * another address. Which one it was only the error says (Chromium, Firefox).
 */
export const retrying = <M>(load: () => Promise<M>): (() => Promise<M>) => {
  let [address, tries] = ['', 0];
  let made: M | undefined;
  return async () => {
    try {
      // Under another address it is another module, with a state of its own.
      return (made ??= await (address ? (import(`${address}?${(tries += 1)}`) as Promise<M>) : load()));
    } catch (error) {
      address ||= /dynamically imported module: (https?:\S+)/.exec(String(error))?.[1] ?? '';
      throw error;
    }
  };
};
