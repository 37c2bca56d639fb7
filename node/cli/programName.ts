/** How this shell is called from the project folder; messages that say what to type next begin with it. */
export const programName = 'npm run lab --';
