/** What can be done on the canvas of the builder. */
import { connectReason } from '../builder/edit.ts';
import { plural } from '../format.ts';
import {
  AddIcon,
  AlignIcon,
  CopyIcon,
  CutIcon,
  DeleteIcon,
  DuplicateIcon,
  FitIcon,
  GroupIcon,
  HelpIcon,
  PaletteIcon,
  PasteIcon,
  RedoIcon,
  SearchIcon,
  SelectAllIcon,
  SpreadIcon,
  TidyIcon,
  TransformIcon,
  UndoIcon,
  UngroupIcon,
  UnzoomIcon,
  WireIcon,
  ZoomInIcon,
} from '../parts/icons.ts';
import type { AppState } from '../state/app.svelte.ts';
import type { Action } from './action.ts';

const onBuild = (app: AppState): boolean => app.route.current.view === 'build';
const onCanvas = (app: AppState): boolean => onBuild(app) && app.draft.spec !== null;
const layers = (app: AppState): string => {
  const { selected } = app.bench;
  if (selected.length === 0) return 'layers';
  return selected.length === 1 ? selected[0]! : plural(selected.length, 'layer');
};
/** For actions on at least so many selected layers. */
const needs =
  (least: number) =>
  (app: AppState): string | null =>
    app.bench.selected.length >= least ? null : least === 1 ? 'Select a layer first' : `Select ${least} layers first`;

export const canvasActions = {
  undo: {
    name: 'build.undo',
    label: (app) => (app.draft.undoLabel === null ? 'Undo' : `Undo: ${app.draft.undoLabel}`),
    group: 'Build',
    icon: UndoIcon,
    shortcut: 'Mod+Z',
    visible: onBuild,
    reason: (app) => (app.draft.canUndo ? null : 'Nothing to undo'),
    perform: (app) => app.draft.undo(),
  },
  redo: {
    name: 'build.redo',
    label: (app) => (app.draft.redoLabel === null ? 'Redo' : `Redo: ${app.draft.redoLabel}`),
    group: 'Build',
    icon: RedoIcon,
    shortcut: 'Mod+Shift+Z',
    visible: onBuild,
    reason: (app) => (app.draft.canRedo ? null : 'Nothing to redo'),
    perform: (app) => app.draft.redo(),
  },
  addLayer: {
    name: 'canvas.add',
    label: 'Add a layer',
    group: 'Build',
    icon: AddIcon,
    shortcut: 'Mod+I',
    visible: onCanvas,
    perform: (app) => app.bench.type(),
  },
  transforms: {
    name: 'canvas.transforms',
    label: 'Change the whole network',
    group: 'Build',
    icon: TransformIcon,
    shortcut: 'Mod+Shift+T',
    visible: onCanvas,
    perform: (app) => {
      app.bench.transforming = true;
    },
  },
  palette: {
    name: 'canvas.palette',
    label: (app) => (app.bench.paletteOpen ? 'Hide the layer palette' : 'Show the layer palette'),
    group: 'Build',
    icon: PaletteIcon,
    visible: onCanvas,
    perform: (app) => app.bench.togglePalette(),
  },
  duplicate: {
    name: 'canvas.duplicate',
    label: (app) => `Duplicate ${layers(app)}`,
    group: 'Build',
    icon: DuplicateIcon,
    shortcut: 'Mod+D',
    visible: onCanvas,
    reason: needs(1),
    perform: (app) => app.bench.duplicate(),
  },
  copy: {
    name: 'canvas.copy',
    label: (app) => `Copy ${layers(app)}`,
    group: 'Build',
    icon: CopyIcon,
    shortcut: 'Mod+C',
    visible: onCanvas,
    reason: needs(1),
    perform: (app) => app.bench.copy(),
  },
  cut: {
    name: 'canvas.cut',
    label: (app) => `Cut ${layers(app)}`,
    group: 'Build',
    icon: CutIcon,
    shortcut: 'Mod+X',
    visible: onCanvas,
    reason: needs(1),
    perform: (app) => app.bench.cut(),
  },
  paste: {
    name: 'canvas.paste',
    label: 'Paste layers',
    group: 'Build',
    icon: PasteIcon,
    shortcut: 'Mod+V',
    visible: onCanvas,
    perform: (app) => app.bench.paste(),
  },
  remove: {
    name: 'canvas.remove',
    label: (app) => (app.bench.wire ? 'Remove the wire' : `Remove ${layers(app)}`),
    group: 'Build',
    icon: DeleteIcon,
    shortcut: 'Delete',
    visible: onCanvas,
    reason: (app) => (app.bench.wire ? null : needs(1)(app)),
    perform: (app) => app.bench.remove(),
  },
  selectAll: {
    name: 'canvas.selectAll',
    label: 'Select all layers',
    group: 'Build',
    icon: SelectAllIcon,
    shortcut: 'Mod+A',
    visible: onCanvas,
    perform: (app) => app.bench.selectAll(),
  },
  connect: {
    name: 'canvas.connect',
    label: (app) => {
      const [from, to] = app.bench.selected;
      return from !== undefined && to !== undefined ? `Connect ${from} to ${to}` : 'Connect two layers';
    },
    group: 'Build',
    icon: WireIcon,
    shortcut: 'Mod+L',
    visible: onCanvas,
    reason: (app) => {
      const [from, to] = app.bench.selected;
      if (app.bench.selected.length !== 2 || from === undefined || to === undefined) {
        return 'Select two layers: the one that is read first, then its reader';
      }
      return connectReason(app.draft.spec?.model.nodes ?? [], from, to);
    },
    perform: (app) => app.bench.connect(app.bench.selected[0]!, app.bench.selected[1]!),
  },
  group: {
    name: 'canvas.group',
    label: (app) => `Group ${layers(app)} into a block`,
    group: 'Build',
    icon: GroupIcon,
    shortcut: 'Mod+G',
    visible: onCanvas,
    reason: (app) => (app.bench.block ? 'They are a block already' : needs(1)(app)),
    perform: (app) => app.bench.group(),
  },
  ungroup: {
    name: 'canvas.ungroup',
    label: (app) => (app.bench.block ? `Ungroup ${app.bench.block.title}` : 'Ungroup a block'),
    group: 'Build',
    icon: UngroupIcon,
    shortcut: 'Mod+Shift+G',
    visible: onCanvas,
    reason: (app) => (app.bench.block ? null : 'Select a layer of a block first'),
    perform: (app) => app.bench.ungroup(app.bench.block!.id),
  },
  alignCentre: {
    name: 'canvas.alignCentre',
    label: 'Align cards in a column',
    group: 'Build',
    icon: AlignIcon,
    visible: onCanvas,
    reason: needs(2),
    perform: (app) => app.bench.align('centre'),
  },
  alignTop: {
    name: 'canvas.alignTop',
    label: 'Align cards in a row',
    group: 'Build',
    icon: AlignIcon,
    visible: onCanvas,
    reason: needs(2),
    perform: (app) => app.bench.align('top'),
  },
  spreadDown: {
    name: 'canvas.spreadDown',
    label: 'Spread cards evenly downwards',
    group: 'Build',
    icon: SpreadIcon,
    visible: onCanvas,
    reason: needs(2),
    perform: (app) => app.bench.align('spreadDown'),
  },
  spreadAcross: {
    name: 'canvas.spreadAcross',
    label: 'Spread cards evenly sideways',
    group: 'Build',
    icon: SpreadIcon,
    visible: onCanvas,
    reason: needs(2),
    perform: (app) => app.bench.align('spreadAcross'),
  },
  tidy: {
    name: 'canvas.tidy',
    label: 'Tidy the layout',
    group: 'Build',
    icon: TidyIcon,
    shortcut: 'Mod+Shift+L',
    visible: onCanvas,
    perform: (app) => app.bench.tidy(),
  },
  find: {
    name: 'canvas.find',
    label: 'Find a layer',
    group: 'Build',
    icon: SearchIcon,
    shortcut: 'Mod+F',
    visible: onCanvas,
    perform: (app) => {
      app.bench.searching = true;
    },
  },
  fit: {
    name: 'canvas.fit',
    label: 'Show the whole network',
    group: 'Build',
    icon: FitIcon,
    shortcut: 'Mod+0',
    visible: onCanvas,
    perform: (app) => app.bench.hands?.fit(),
  },
  zoomIn: {
    name: 'canvas.zoomIn',
    label: 'Zoom in',
    group: 'Build',
    icon: ZoomInIcon,
    visible: onCanvas,
    perform: (app) => app.bench.hands?.zoom(1.25),
  },
  zoomOut: {
    name: 'canvas.zoomOut',
    label: 'Zoom out',
    group: 'Build',
    icon: UnzoomIcon,
    visible: onCanvas,
    perform: (app) => app.bench.hands?.zoom(0.8),
  },
  keys: {
    name: 'canvas.keys',
    label: 'Keys of the canvas',
    group: 'Build',
    icon: HelpIcon,
    shortcut: '?',
    visible: onCanvas,
    perform: (app) => {
      app.bench.helping = true;
    },
  },
} as const satisfies Record<string, Action>;
