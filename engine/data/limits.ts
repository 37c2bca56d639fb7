/** Largest number of pixels that whitening takes: its time grows with the third power of it. */
export const mostWhitened = 1024;
