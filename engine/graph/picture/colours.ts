import type { LayerCategory } from '../../layers/layer.ts';

/** What a picture is painted with; any CSS colour, also `var(--text)`. */
export interface PictureColours {
  /** Behind everything; null: nothing. */
  readonly page: string | null;
  readonly card: string;
  readonly line: string;
  readonly wire: string;
  readonly text: string;
  readonly quiet: string;
  readonly category: Readonly<Record<LayerCategory, string>>;
}

/** The interface's light theme, as plain colours that any program reads. */
export const lightColours: PictureColours = {
  page: '#ffffff',
  card: '#ffffff',
  line: '#cfcfc8',
  wire: '#8b8d8a',
  text: '#1a1c1f',
  quiet: '#5d6168',
  category: {
    input: '#6b7078',
    linear: '#0072b2',
    normalisation: '#009e73',
    activation: '#d55e00',
    pooling: '#b87a00',
    regularisation: '#b8589a',
    shape: '#8b8d8a',
    merge: '#4a4d52',
  },
};

/** And its dark one. */
export const darkColours: PictureColours = {
  page: '#0f1012',
  card: '#16181b',
  line: '#3a3e45',
  wire: '#777c85',
  text: '#e7e8ea',
  quiet: '#9ba0a9',
  category: {
    input: '#8a8f98',
    linear: '#4fa3e0',
    normalisation: '#2cc295',
    activation: '#f0803c',
    pooling: '#e69f00',
    regularisation: '#d98bbd',
    shape: '#777c85',
    merge: '#b4b8bf',
  },
};
