/** The one message between page and main process: it carries a MessagePort, and everything else goes through that. */
export const connectChannel = 'ablate:connect';

/** Under this name the preload script puts its bridge on the page's window. */
export const bridgeName = 'ablate';

/** Brings two ports into the hidden window for the GPU (gpu/page.ts): the line to a worker of the engine, and its control. */
export const gpuPorts = 'ablate:gpuPorts';
/** What the main process asks over a control. */
export interface ControlCommand {
  /** The worker is ended at once. */
  readonly kind: 'end';
}
/** What it hears there. */
export interface ControlEvent {
  /** The worker is gone and was not asked to go. */
  readonly kind: 'died';
  readonly message: string;
}
