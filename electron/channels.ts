/** The one message between page and main process: it carries a MessagePort, and everything else goes through that. */
export const connectChannel = 'ablate:connect';

/** Under this name the preload script puts its bridge on the page's window. */
export const bridgeName = 'ablate';
