import { EngineError } from '../errors.ts';

/** Bytes that are put together on the host before they go over in one piece. */
const pieceBytes = 4 << 20;

/**
 * Images of a data set that is not resident, in a ring of rows on the device. Which image lies in which row is known on the host,
 * which gives kernels the rows instead of the images' numbers; so what is computed does not depend on what lies where. The
 * queue does uploads and runs in the order in which they were asked for: a row may be overwritten as soon as the runs that read it
 * have been queued, and nobody waits. After the first upload nothing is allocated.
 */
export class ImageStream {
  readonly rows: number;
  readonly #imageBytes: number;
  readonly #rowBytes: number;
  readonly #upload: (row: number, bytes: Uint8Array<ArrayBuffer>) => void;
  readonly #most: number;
  readonly #rowOf: Int32Array;
  readonly #imageIn: Int32Array;
  /** The run, or the look ahead, that a row was last needed by; in the one under way it stays where it is. */
  readonly #neededBy: Int32Array;
  readonly #piece: Uint8Array<ArrayBuffer>;
  #source: Uint8Array | null = null;
  #turn = 0;
  #next = 0;
  #pieceRow = 0;
  #pieceRows = 0;
  #uploaded = 0;

  /**
   * @param images in the data set
   * @param rows in the ring; at least as many as one run reads
   * @param most images that one run reads
   * @param upload takes rows that follow each other; copies them before it returns
   */
  constructor(
    { images, imageBytes, rows, rowBytes, most }: { images: number; imageBytes: number } & RingSize,
    upload: (row: number, bytes: Uint8Array<ArrayBuffer>) => void,
  ) {
    this.rows = rows;
    this.#imageBytes = imageBytes;
    this.#rowBytes = rowBytes;
    this.#most = most;
    this.#upload = upload;
    this.#rowOf = new Int32Array(images).fill(-1);
    this.#imageIn = new Int32Array(rows).fill(-1);
    this.#neededBy = new Int32Array(rows);
    this.#piece = new Uint8Array(Math.max(1, Math.min(rows, Math.floor(pieceBytes / rowBytes))) * rowBytes);
  }

  /** The images, which stay on the host and are not copied: they must not change from now on. */
  set source(pixels: Uint8Array | null) {
    this.#source = pixels;
    this.#rowOf.fill(-1);
    this.#imageIn.fill(-1);
  }

  get source(): Uint8Array | null {
    return this.#source;
  }

  /** Images that have been uploaded so far. */
  get uploaded(): number {
    return this.#uploaded;
  }

  /** Uploads images that the next runs will read, in their order, as many as there is room for beside a run. */
  lookAhead(images: Int32Array): void {
    this.begin();
    let room = this.rows - this.#most;
    for (let i = 0; i < images.length && room > 0; i++) if (this.#need(images[i]!)) room--;
    this.#flush();
  }

  /** A run begins: what `place` gives rows from here on stays in them together. */
  begin(): void {
    this.#turn++;
  }

  /** Writes the row of each image to `rows`, and -1 for -1. Uploads what is not there. */
  place(images: Int32Array, rows: Int32Array): void {
    for (let i = 0; i < images.length; i++) {
      const image = images[i]!;
      this.#need(image);
      rows[i] = image < 0 ? -1 : this.#rowOf[image]!;
    }
    this.#flush();
  }

  /** False where the turn has the image already, or there is none of this number. */
  #need(image: number): boolean {
    if (image < 0 || image >= this.#rowOf.length) return false;
    let row = this.#rowOf[image]!;
    if (row >= 0 && this.#neededBy[row] === this.#turn) return false;
    if (row < 0) {
      row = this.#freeRow();
      const old = this.#imageIn[row]!;
      if (old >= 0) this.#rowOf[old] = -1;
      this.#imageIn[row] = image;
      this.#rowOf[image] = row;
      this.#send(image, row);
    }
    this.#neededBy[row] = this.#turn;
    return true;
  }

  #freeRow(): number {
    for (let tried = 0; tried < this.rows; tried++) {
      const row = this.#next;
      this.#next = row + 1 === this.rows ? 0 : row + 1;
      if (this.#neededBy[row] !== this.#turn || this.#imageIn[row]! < 0) return row;
    }
    throw new EngineError('memory', `A run reads more than ${this.rows} images, and the GPU holds no more of them.`);
  }

  #send(image: number, row: number): void {
    if (this.#pieceRows > 0 && row !== this.#pieceRow + this.#pieceRows) this.#flush();
    if (this.#pieceRows === 0) this.#pieceRow = row;
    const at = this.#pieceRows * this.#rowBytes;
    const from = image * this.#imageBytes;
    if (this.#source === null) this.#piece.fill(0, at, at + this.#rowBytes);
    else this.#piece.set(this.#source.subarray(from, from + this.#imageBytes), at);
    this.#pieceRows++;
    this.#uploaded++;
    if ((this.#pieceRows + 1) * this.#rowBytes > this.#piece.length) this.#flush();
  }

  #flush(): void {
    if (this.#pieceRows === 0) return;
    this.#upload(this.#pieceRow, this.#piece.subarray(0, this.#pieceRows * this.#rowBytes));
    this.#pieceRows = 0;
  }
}

export interface RingSize {
  readonly rows: number;
  /** Bytes from row to row, a multiple of 4. */
  readonly rowBytes: number;
  /** Images that one run reads at most. */
  readonly most: number;
}
