/** Playwright's global setup: the journeys see the page as it is now. */
import { build } from './build.ts';

export default function buildForTests(): void {
  build('page');
}
