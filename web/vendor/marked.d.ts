/** What is called of `marked`. */

export interface Token {
  type: string;
  raw: string;
  text?: string;
  tokens?: Token[];
  href?: string;
  lang?: string;
  ordered?: boolean;
  start?: number | "";
  items?: Token[];
  task?: boolean;
  checked?: boolean;
  header?: Cell[];
  rows?: Cell[][];
}

export interface Cell {
  tokens: Token[];
  align: "left" | "center" | "right" | null;
}

export function lexer(text: string, options?: { gfm?: boolean; breaks?: boolean }): Token[];
