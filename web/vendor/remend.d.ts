/** What is called of `remend`. */

export default function remend(text: string, options?: Record<string, boolean | string>): string;
