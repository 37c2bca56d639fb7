/** The pictures the interface uses, by what they stand for. */
import type RunIcon from '@lucide/svelte/icons/play';

/** What they all are: a component that draws one picture. */
export type Icon = typeof RunIcon;

export { default as AddIcon } from '@lucide/svelte/icons/plus';
export { default as BackIcon } from '@lucide/svelte/icons/arrow-left';
export { default as BuildIcon } from '@lucide/svelte/icons/network';
export { default as ChevronIcon } from '@lucide/svelte/icons/chevron-down';
export { default as ChipIcon } from '@lucide/svelte/icons/cpu';
export { default as CloseIcon } from '@lucide/svelte/icons/x';
export { default as CommandIcon } from '@lucide/svelte/icons/command';
export { default as CompareIcon } from '@lucide/svelte/icons/git-compare-arrows';
export { default as DarkIcon } from '@lucide/svelte/icons/moon';
export { default as DeleteIcon } from '@lucide/svelte/icons/trash';
export { default as DoneIcon } from '@lucide/svelte/icons/circle-check';
export { default as ExportIcon } from '@lucide/svelte/icons/download';
export { default as FailedIcon } from '@lucide/svelte/icons/circle-x';
export { default as FaultIcon } from '@lucide/svelte/icons/triangle-alert';
export { default as FitIcon } from '@lucide/svelte/icons/maximize';
export { default as ImportIcon } from '@lucide/svelte/icons/upload';
export { default as InterruptedIcon } from '@lucide/svelte/icons/unplug';
export { default as LightIcon } from '@lucide/svelte/icons/sun';
export { default as PauseIcon } from '@lucide/svelte/icons/pause';
export { default as PausedIcon } from '@lucide/svelte/icons/circle-pause';
export { default as QueuedIcon } from '@lucide/svelte/icons/clock';
export { default as RedoIcon } from '@lucide/svelte/icons/redo-2';
export { default as ResumeIcon } from '@lucide/svelte/icons/step-forward';
export { default as RunIcon } from '@lucide/svelte/icons/play';
export { default as RunningIcon } from '@lucide/svelte/icons/loader-circle';
export { default as RunsIcon } from '@lucide/svelte/icons/rows-3';
export { default as SearchIcon } from '@lucide/svelte/icons/search';
export { default as StarIcon } from '@lucide/svelte/icons/star';
export { default as StopIcon } from '@lucide/svelte/icons/square';
export { default as StoppedIcon } from '@lucide/svelte/icons/circle-stop';
export { default as StudyIcon } from '@lucide/svelte/icons/flask-conical';
export { default as TagIcon } from '@lucide/svelte/icons/tag';
export { default as TemplateIcon } from '@lucide/svelte/icons/layout-grid';
export { default as UndoIcon } from '@lucide/svelte/icons/undo-2';
export { default as UnzoomIcon } from '@lucide/svelte/icons/zoom-out';
export { default as ReplaceIcon } from '@lucide/svelte/icons/replace';
export { default as CurveIcon } from '@lucide/svelte/icons/chart-spline';
export { default as ReplayIcon } from '@lucide/svelte/icons/rotate-ccw';
export { default as CopyIcon } from '@lucide/svelte/icons/copy';
