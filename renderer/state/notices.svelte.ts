/**
 * Short messages at the foot of the window.
 * Owner: this page. Seeded empty; a notice goes after its time, when it is closed, or when its way back was taken.
 */
export interface Notice {
  readonly id: number;
  readonly kind: 'done' | 'bad' | 'wait';
  readonly text: string;
  /** Of one that waits: how far what it waits for is, from 0 to 1. */
  readonly done?: number;
  /** What can be done about it: undo, mostly. */
  readonly act?: { readonly label: string; readonly perform: () => void };
}

/** Milliseconds a notice stays; one with a way back stays longer. */
const stay = { plain: 5000, undo: 10_000, bad: 12_000 };

export class NoticeState {
  list = $state.raw<readonly Notice[]>([]);
  #next = 1;

  say(text: string, act?: Notice['act']): void {
    this.#add({ id: this.#next++, kind: 'done', text, ...(act && { act }) }, act ? stay.undo : stay.plain);
  }

  /** What went wrong, in the words of whoever knows. */
  complain(error: unknown): void {
    const text = error instanceof Error ? error.message : String(error);
    if (this.list.some((notice) => notice.text === text)) return;
    this.#add({ id: this.#next++, kind: 'bad', text }, stay.bad);
  }

  /** Something takes a while: stays until it is closed, and shows how far it is. */
  wait(text: string, act: NonNullable<Notice['act']>): { tell(done: number): void; close(): void } {
    const id = this.#next++;
    this.list = [...this.list.slice(-3), { id, kind: 'wait', text, done: 0, act }];
    return {
      tell: (done) => (this.list = this.list.map((notice) => (notice.id === id ? { ...notice, done } : notice))),
      close: () => this.close(id),
    };
  }

  close(id: number): void {
    this.list = this.list.filter((notice) => notice.id !== id);
  }

  #add(notice: Notice, time: number): void {
    this.list = [...this.list.slice(-3), notice];
    setTimeout(() => this.close(notice.id), time);
  }
}
