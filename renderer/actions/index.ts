import { plural } from '../format.ts';
import {
  BuildIcon,
  CompareIcon,
  CopyIcon,
  CurveIcon,
  DarkIcon,
  DeleteIcon,
  ExportIcon,
  ForkIcon,
  ImportIcon,
  PauseIcon,
  PrependIcon,
  RateIcon,
  ResumeIcon,
  RunIcon,
  RunsIcon,
  SaveIcon,
  StarIcon,
  StopIcon,
  StudyIcon,
  TemplateIcon,
  WeightsIcon,
} from '../parts/icons.ts';
import { resumable } from '../parts/status.ts';
import type { AppState } from '../state/app.svelte.ts';
import type { RunRecord } from '../../lab/contract/records.ts';
import type { Action } from './action.ts';
import { chooseFile } from '../library/open.ts';
import { canvasActions } from './canvas.ts';
import { exportSpec } from './files.ts';
import { startFrom } from '../start/open.ts';
import { runDraft, seeBatchNorm, sigmoidTemplate } from './start.ts';

const targets = (app: AppState): RunRecord[] => app.targets.flatMap((id) => app.runs.get(id) ?? []);
const onRuns = (app: AppState): boolean => targets(app).length > 0;
const onBuild = (app: AppState): boolean => app.route.current.view === 'build';
const what = (app: AppState): string => (app.route.current.view === 'run' ? 'run' : plural(app.targets.length, 'run'));
const connected = (app: AppState): string | null => (app.connection === 'open' ? null : 'The lab is not connected');
const ready = (app: AppState): string | null =>
  connected(app) ?? (app.starting ? 'Runs are being started' : sigmoidTemplate(app) ? null : 'Templates are loading');

const onRun = (app: AppState): boolean => app.targets.length === 1;
/** For what goes on from the weights of the run. */
const trained = (app: AppState): string | null =>
  connected(app) ?? (targets(app)[0]?.checkpointStep === null ? 'This run has saved no weights yet' : null);

/** One action per run of the targets that is in the right state. */
function each(
  statuses: readonly RunRecord['status'][],
  none: string,
  act: (app: AppState, id: string) => Promise<void>,
): Pick<Action, 'visible' | 'reason' | 'perform'> {
  const fitting = (app: AppState): RunRecord[] => targets(app).filter((run) => statuses.includes(run.status));
  return {
    visible: onRuns,
    reason: (app) => connected(app) ?? (fitting(app).length > 0 ? null : none),
    perform: async (app) => {
      for (const run of fitting(app)) await act(app, run.id);
    },
  };
}

export const actions = {
  seeBatchNorm: {
    name: 'start.batchNorm',
    label: 'See what BatchNorm does',
    group: 'Start',
    icon: CurveIcon,
    reason: ready,
    perform: seeBatchNorm,
  },
  build: {
    name: 'go.build',
    label: 'Build',
    group: 'Go to',
    icon: BuildIcon,
    shortcut: 'Alt+1',
    perform: (app) => app.route.go('build'),
  },
  runs: {
    name: 'go.runs',
    label: 'Runs',
    group: 'Go to',
    icon: RunsIcon,
    shortcut: 'Alt+2',
    perform: (app) => app.route.go('runs'),
  },
  compare: {
    name: 'go.compare',
    label: 'Compare',
    group: 'Go to',
    icon: CompareIcon,
    shortcut: 'Alt+3',
    perform: (app) => app.route.go('compare'),
  },
  run: {
    name: 'build.run',
    label: (app) => {
      const n = app.draft.parsedSeeds.seeds.length;
      const folds = app.draft.foldRuns;
      if (folds !== null) return `Run this experiment on ${folds} folds${n > 1 ? ` with ${n} seeds` : ''}`;
      return n > 1 ? `Run this experiment with ${n} seeds` : 'Run this experiment';
    },
    group: 'Build',
    icon: RunIcon,
    shortcut: 'Mod+Enter',
    visible: (app) => onBuild(app) && app.draft.spec !== null,
    reason: (app) => connected(app) ?? (app.starting ? 'Runs are being started' : app.draft.reason),
    perform: runDraft,
  },
  findRate: {
    name: 'build.findRate',
    label: 'Find a learning rate (range test)',
    group: 'Build',
    icon: RateIcon,
    visible: (app) => onBuild(app) && app.draft.spec !== null,
    // seeds are of no concern here: the test trains the spec's own
    reason: (app) => connected(app) ?? (app.rates.done === null ? app.draft.fault : 'A range test is running'),
    perform: (app) => {
      app.bench.tab = 'training';
      return app.rates.find(app.draft.spec!);
    },
  },
  study: {
    name: 'build.study',
    label: 'Make a study: change one thing, train every arm with the same seeds',
    group: 'Build',
    icon: StudyIcon,
    shortcut: 'Mod+Shift+Enter',
    visible: (app) => onBuild(app) && app.draft.spec !== null,
    reason: (app) => connected(app) ?? (app.starting ? 'Runs are being started' : app.draft.reason),
    perform: (app) => {
      app.studyOpen = true;
    },
  },
  templates: {
    name: 'build.templates',
    label: 'Build a network: choose a template',
    group: 'Build',
    icon: TemplateIcon,
    perform: (app) => {
      app.draft.clear();
      app.route.go('build');
    },
  },
  ...canvasActions,
  importSpec: {
    name: 'build.import',
    label: 'Open a file: spec, architecture or ONNX',
    group: 'Build',
    icon: ImportIcon,
    reason: connected,
    perform: chooseFile,
  },
  exportSpec: {
    name: 'build.export',
    label: 'Save the spec as a file',
    group: 'Build',
    icon: ExportIcon,
    visible: (app) => onBuild(app) && app.draft.spec !== null,
    perform: exportSpec,
  },
  saveArchitecture: {
    name: 'build.saveArchitecture',
    label: 'Save this architecture',
    group: 'Build',
    icon: SaveIcon,
    shortcut: 'Mod+S',
    visible: (app) => onBuild(app) && app.draft.spec !== null,
    reason: connected,
    perform: (app) => {
      app.savingArchitecture = true;
    },
  },
  compareArchitectures: {
    name: 'build.compareArchitectures',
    label: 'Compare two architectures',
    group: 'Build',
    icon: CompareIcon,
    reason: connected,
    perform: (app) => {
      app.library.comparing = { before: app.draft.spec ? { spec: app.draft.spec } : null, after: null };
    },
  },
  pause: {
    name: 'run.pause',
    label: (app) => `Pause ${what(app)}`,
    group: 'Run',
    icon: PauseIcon,
    ...each(['running'], 'Nothing here is running', (app, id) => app.runs.pause(id)),
  },
  resume: {
    name: 'run.resume',
    label: (app) => `Resume ${what(app)}`,
    group: 'Run',
    icon: ResumeIcon,
    ...each(resumable, 'Nothing here can go on', (app, id) => app.runs.resume(id)),
  },
  stop: {
    name: 'run.stop',
    label: (app) => `Stop ${what(app)}`,
    group: 'Run',
    icon: StopIcon,
    ...each(['queued', 'running', 'paused'], 'Nothing here is running', (app, id) => app.runs.stop(id)),
  },
  star: {
    name: 'runs.star',
    label: (app) =>
      targets(app).every((run) => run.starred) ? `Remove the star of ${what(app)}` : `Star ${what(app)}`,
    group: 'Runs',
    icon: StarIcon,
    visible: onRuns,
    reason: connected,
    perform: async (app) => {
      const starred = !targets(app).every((run) => run.starred);
      for (const run of targets(app)) await app.runs.update(run.id, { starred });
    },
  },
  compareRuns: {
    name: 'runs.compare',
    label: (app) => (app.route.current.view === 'run' ? 'Compare run with others' : `Compare ${what(app)}`),
    group: 'Runs',
    icon: CompareIcon,
    visible: onRuns,
    perform: (app) => app.route.go('compare', armsOf(targets(app))),
  },
  rebuild: {
    name: 'run.rebuild',
    label: 'Edit a copy of this experiment',
    group: 'Run',
    icon: CopyIcon,
    visible: (app) => app.targets.length === 1,
    reason: connected,
    perform: async (app) => {
      const { spec } = await app.link.call('runs.get', { id: app.targets[0]! });
      app.draft.open(spec);
      app.draft.setSeeds(String(spec.seed));
      app.route.go('build');
    },
  },
  startFrom: {
    name: 'run.startFrom',
    label: 'Start from these weights',
    group: 'Run',
    icon: WeightsIcon,
    visible: onRun,
    reason: trained,
    perform: (app) => startFrom(app, app.targets[0]!),
  },
  fork: {
    name: 'run.fork',
    label: 'Fork this run ...',
    group: 'Run',
    icon: ForkIcon,
    visible: onRun,
    reason: trained,
    perform: (app) => {
      app.continuing = { how: 'fork', run: app.targets[0]! };
    },
  },
  prepend: {
    name: 'run.prepend',
    label: 'Prepend a stem ...',
    group: 'Run',
    icon: PrependIcon,
    visible: onRun,
    reason: trained,
    perform: (app) => {
      app.continuing = { how: 'prepend', run: app.targets[0]! };
    },
  },
  delete: {
    name: 'runs.delete',
    label: (app) => `Delete ${what(app)}`,
    group: 'Runs',
    icon: DeleteIcon,
    shortcut: 'Delete',
    visible: onRuns,
    reason: connected,
    perform: async (app) => {
      const ids = app.targets;
      if (app.route.current.view === 'run') app.route.go('runs');
      await app.runs.delete(ids);
    },
  },
  theme: {
    name: 'view.theme',
    label: (app) => (app.theme.current === 'dark' ? 'Light theme' : 'Dark theme'),
    group: 'View',
    icon: DarkIcon,
    perform: (app) => app.theme.toggle(),
  },
  systemTheme: {
    name: 'view.systemTheme',
    label: 'Theme of the system',
    group: 'View',
    icon: DarkIcon,
    reason: (app) => (app.theme.followsSystem ? 'The system is followed already' : null),
    perform: (app) => app.theme.choose(null),
  },
} as const satisfies Record<string, Action>;

export const actionList: readonly Action[] = Object.values(actions);

/** Arms for a comparison of these runs: a whole group where several of its seeds are among them, else the run itself. */
export function armsOf(runs: readonly RunRecord[]): string[] {
  const arms: string[] = [];
  // the oldest is the baseline: what was changed came later
  for (const run of runs.toSorted((a, b) => a.createdAt - b.createdAt)) {
    const seeds = runs.filter((other) => other.group === run.group);
    const arm = seeds.length > 1 ? run.group : run.id;
    if (!arms.includes(arm)) arms.push(arm);
  }
  return arms.slice(0, 12);
}
