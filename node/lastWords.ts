/** The end of what a worker writes that goes into the reason of its death. */
const kept = 4000;

/** Remembers what a worker wrote last. `after`: a reason of its death with that. */
export function lastWords(): { hear(chunk: Buffer): void; after(reason: string): string } {
  let said = '';
  return {
    hear: (chunk) => {
      said = (said + chunk.toString('utf8')).slice(-kept);
    },
    after: (reason) => {
      const last = said.trim();
      return reason + (last ? `. Its last words: ${last}` : '');
    },
  };
}
