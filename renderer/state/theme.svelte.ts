/**
 * Light or dark.
 * Owner: this page. Seeded from the browser's storage, else from the system, which is followed until someone chooses.
 * Lost: never; the choice stays in the browser's storage.
 */
import { recall, remember } from './memory.ts';

export type Theme = 'light' | 'dark';

export class ThemeState {
  #system = $state<Theme>('light');
  #choice = $state<Theme | null>(null);
  readonly current = $derived(this.#choice ?? this.#system);

  constructor() {
    const stored = recall('theme');
    if (stored === 'light' || stored === 'dark') this.#choice = stored;
    const dark = matchMedia('(prefers-color-scheme: dark)');
    this.#system = dark.matches ? 'dark' : 'light';
    dark.addEventListener('change', () => (this.#system = dark.matches ? 'dark' : 'light'));
  }

  get followsSystem(): boolean {
    return this.#choice === null;
  }

  toggle(): void {
    this.choose(this.current === 'dark' ? 'light' : 'dark');
  }

  choose(theme: Theme | null): void {
    this.#choice = theme;
    remember('theme', theme);
  }
}
