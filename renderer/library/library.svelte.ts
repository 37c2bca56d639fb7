/**
 * Saved architectures, and pictures of the models of runs.
 * Owner: the lab. Read when the connection opens and after every 'architectures.changed'; pictures are read once per group of runs
 * and kept, since a group's model never changes.
 */
import type { ArchitectureRecord, ModelRef } from '../../lab/contract/architectureRecords.ts';
import type { MethodInput, MethodOutput } from '../../lab/contract/methods.ts';
import type { RunRecord } from '../../lab/contract/records.ts';
import type { Link } from '../link/link.ts';
import type { NoticeState } from '../state/notices.svelte.ts';

export type PictureNodes = MethodOutput<'runs.models'>[number]['nodes'];
export type Comparing = { readonly before: ModelRef | null; readonly after: ModelRef | null };

/** Milliseconds in which wishes for pictures are gathered into one call, and runs in one call. */
const gather = 30;
const most = 200;

export class LibraryState {
  list = $state.raw<readonly ArchitectureRecord[]>([]);
  loaded = $state(false);
  /** By group of runs. */
  pictures = $state.raw<ReadonlyMap<string, PictureNodes>>(new Map());
  /** The two models in the dialog of differences; null: it is closed. */
  comparing = $state.raw<Comparing | null>(null);
  readonly tags = $derived([...new Set(this.list.flatMap(({ tags }) => tags))].sort((a, b) => a.localeCompare(b)));

  readonly #link: Link;
  readonly #notices: NoticeState;
  readonly #wanted = new Map<string, string>();
  /** Whether the wanted ones are about to be asked for. */
  #asking = false;

  constructor(link: Link, notices: NoticeState) {
    this.#link = link;
    this.#notices = notices;
    link.onEvent((event) => {
      if (event.name === 'architectures.changed') void this.read();
    });
    link.onState((state) => {
      if (state === 'open') void this.read();
    });
  }

  async read(): Promise<void> {
    try {
      this.list = await this.#link.call('architectures.list', {});
      this.loaded = true;
    } catch (error) {
      this.#notices.complain(error);
    }
  }

  async save(input: MethodInput<'architectures.save'>): Promise<ArchitectureRecord | null> {
    const before = this.list.find(({ name }) => name.toLowerCase() === input.name.trim().toLowerCase());
    try {
      const record = await this.#link.call('architectures.save', input);
      const { name, latest } = record;
      if (before?.latest.version === latest.version)
        this.#notices.say(`${name} holds this already (version ${latest.version}).`);
      else this.#notices.say(`${name} is saved${latest.version > 1 ? ` as version ${latest.version}` : ''}.`);
      return record;
    } catch (error) {
      this.#notices.complain(error);
      return null;
    }
  }

  async update(id: string, patch: Omit<MethodInput<'architectures.update'>, 'id'>): Promise<void> {
    try {
      await this.#link.call('architectures.update', { id, ...patch });
    } catch (error) {
      this.#notices.complain(error);
      await this.read();
    }
  }

  async remove({ id, name }: ArchitectureRecord): Promise<void> {
    try {
      await this.#link.call('architectures.delete', { ids: [id] });
      const restore = (): void => {
        void this.#link
          .call('architectures.restore', { ids: [id] })
          .catch((error: unknown) => this.#notices.complain(error));
      };
      this.#notices.say(`${name} was deleted.`, { label: 'Undo', perform: restore });
    } catch (error) {
      this.#notices.complain(error);
    }
  }

  /** Asks for the picture of a run's model, unless it is there or on its way. */
  want({ id, group }: Pick<RunRecord, 'id' | 'group'>): void {
    if (this.pictures.has(group) || this.#wanted.has(group)) return;
    this.#wanted.set(group, id);
    this.#ask();
  }

  #ask(): void {
    if (this.#asking) return;
    this.#asking = true;
    setTimeout(() => void this.#fetch(), gather);
  }

  async #fetch(): Promise<void> {
    this.#asking = false;
    const ids = [...this.#wanted.values()].slice(0, most);
    try {
      const models = await this.#link.call('runs.models', { ids });
      this.pictures = new Map([...this.pictures, ...models.map(({ group, nodes }) => [group, nodes] as const)]);
    } catch {
      // a picture that is missing is missed by nobody; the next look asks again
    }
    for (const [group, id] of this.#wanted) if (ids.includes(id)) this.#wanted.delete(group);
    if (this.#wanted.size > 0) this.#ask();
  }
}
