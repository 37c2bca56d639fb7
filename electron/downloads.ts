import type { DownloadItem, Session } from 'electron';

/**
 * Files that the page exports are downloads, and Chromium says nothing where one cannot be written (a full disk, no right to): then
 * `tell` hears what and where, and nothing half-written stays.
 */
export function watchDownloads(session: Pick<Session, 'on'>, tell: (message: string, detail: string) => void): void {
  session.on('will-download', (_event, item: DownloadItem) => {
    let told = false;
    const failed = (): void => {
      if (told) return;
      told = true;
      tell(
        `${item.getFilename()} was not saved`,
        `${item.getSavePath()} could not be written: the disk is full, or does not let you write there. Nothing of it was kept. ` +
          'Free some space or choose another folder, and export it again.',
      );
    };
    item.on('updated', (_updated, state) => {
      if (state !== 'interrupted') return;
      failed();
      // it could go on, which nobody would make it do: this takes away what there is
      item.cancel();
    });
    item.once('done', (_done, state) => {
      if (state === 'interrupted') failed();
    });
  });
}
