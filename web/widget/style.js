/**
 * The widget's looks, as constructed style sheets: they need no `unsafe-inline`. Directions are
 * logical, so right-to-left is the same sheet.
 */

import { CSS as LAUNCHER, sheetOf } from "./launcher.js";

const CSS = `
.panel { pointer-events: auto; }
input, textarea { font: inherit; color: inherit; }
button:disabled { cursor: default; opacity: .5; }
.hidden { position: absolute; inline-size: 1px; block-size: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.root:not([data-open="true"]) .icon--down, .root[data-open="true"] .launcher .icon--chat { opacity: 0; transform: rotate(-60deg); }
.badge {
  position: absolute; inset-block-start: -3px; inset-inline-end: -3px; min-inline-size: 22px; padding: 0 6px; border-radius: 11px;
  background: #c4271b; color: #fff; font-size: 12.5px; font-weight: 650; line-height: 22px; text-align: center; box-shadow: 0 0 0 2px var(--ground);
}
.panel {
  position: relative; display: flex; flex-direction: column; inline-size: min(384px, calc(100vw - 40px)); block-size: min(640px, calc(100dvh - 112px));
  background: var(--ground); border-radius: 16px; overflow: hidden; border: 1px solid var(--edge);
  box-shadow: 0 14px 44px rgb(0 0 0 / .22); animation: rise .2s ease-out; outline-offset: -2px;
}
@keyframes rise { from { opacity: 0; transform: translateY(12px); } }
.head { display: flex; align-items: center; gap: 10px; padding-block: 14px; padding-inline: 18px 10px; background: var(--brand); color: var(--on-brand); }
.names { flex: 1; min-inline-size: 0; }
.soon { font-size: 13px; line-height: 1.35; }
.title { font-size: 17px; font-weight: 650; line-height: 1.3; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.tool { inline-size: 40px; block-size: 40px; border-radius: 10px; display: grid; place-items: center; flex: none; color: var(--soft); }
.tool:hover { background: color-mix(in srgb, currentColor 12%, transparent); }
.head .tool { color: inherit; }
.head :focus-visible { outline-color: currentColor; outline-offset: -2px; }
.line { padding: 8px 18px; background: var(--warn); color: var(--warn-ink); font-size: 13.5px; }
.scroll { flex: 1; min-block-size: 0; overflow-y: auto; overscroll-behavior: contain; padding: 18px; outline-offset: -3px; }
.greeting { padding-block-end: 12px; font-size: 16.5px; line-height: 1.4; white-space: pre-line; }
.greeting:empty { display: none; }
.entries { list-style: none; padding: 0; display: flex; flex-direction: column; gap: 6px; }
.entry { max-inline-size: 85%; min-inline-size: 0; display: flex; flex-direction: column; align-items: flex-start; align-self: flex-start; }
.entry--mine { align-self: flex-end; align-items: flex-end; }
.who { margin-block-start: 8px; margin-inline-start: 2px; font-size: 12.5px; font-weight: 600; color: var(--soft); }
.text { padding: 9px 13px; border-radius: 14px; background: var(--bubble); white-space: pre-wrap; overflow-wrap: anywhere; border-end-start-radius: 4px; max-inline-size: 100%; }
.text:empty { display: none; }
.entry--mine .text { background: var(--brand); color: var(--on-brand); border-end-start-radius: 14px; border-end-end-radius: 4px; }
.entry--unsent .text { background: var(--ground); color: var(--ink); box-shadow: inset 0 0 0 1px var(--field); }
.entry--growing .text:empty { display: block; min-block-size: 40px; min-inline-size: 44px; }
.text.markdown { white-space: normal; }
.text :is(p, li, .link) { white-space: pre-wrap; }
.text > * + *, .text li > :is(p, ul, ol) { margin-block-start: 8px; }
.text > :is(ul, ol), .text li > :is(ul, ol) { padding-inline-start: 22px; }
.text li + li { margin-block-start: 3px; }
.heading { font-weight: 650; }
.text :is(strong, th) { font-weight: 650; }
.text code { font: .92em/1.4 ui-monospace, "SF Mono", "Cascadia Mono", "Noto Sans Mono", Menlo, Consolas, monospace; }
.text :not(pre) > code { padding: 1px 5px; border-radius: 5px; background: color-mix(in srgb, currentColor 10%, transparent); }
.code { border: 1px solid var(--edge); border-radius: 10px; background: var(--ground); overflow: hidden; }
.code__head { display: flex; align-items: center; justify-content: space-between; gap: 8px; padding-block: 3px; padding-inline: 11px 5px; border-block-end: 1px solid var(--edge); font-size: 12px; color: var(--soft); }
.copy { min-block-size: 26px; padding-inline: 7px; border-radius: 6px; font-size: 12px; font-weight: 600; color: var(--ink); }
.copy:hover { background: var(--bubble); }
.text pre { padding: 9px 11px; overflow-x: auto; direction: ltr; text-align: left; white-space: pre; overflow-wrap: normal; outline-offset: -2px; }
.text blockquote { padding-inline-start: 11px; border-inline-start: 3px solid var(--edge); color: var(--soft); }
.text hr { border: 0; border-block-start: 1px solid var(--field); }
.table { overflow-x: auto; outline-offset: -2px; }
.table table { border-collapse: collapse; font-size: 14px; }
.table :is(th, td) { padding: 4px 9px; border: 1px solid var(--edge); text-align: start; overflow-wrap: normal; }
.align-center { text-align: center !important; }
.align-right { text-align: right !important; }
.link { text-decoration: underline; text-underline-offset: 2px; }
.entry--growing .text:not(.markdown)::after, .entry--growing .text.markdown:empty::after, .entry--growing .text > :is(p, .heading):last-child::after, .entry--growing .text > :is(ul, ol):last-child > li:last-child::after {
  content: ""; display: inline-block; inline-size: 2px; block-size: 1.05em; margin-inline-start: 2px; background: currentColor; vertical-align: -.16em; animation: caret 1s steps(2, jump-none) infinite;
}
@keyframes caret { to { opacity: 0; } }
.event--day { padding-block: 12px 2px; font-size: 12.5px; font-weight: 600; }
.text a { color: inherit; text-decoration: underline; text-underline-offset: 2px; }
.meta { display: flex; flex-wrap: wrap; gap: 0 8px; padding: 2px 4px; font-size: 12px; color: var(--soft); }
.entry--mine .meta { justify-content: flex-end; }
.entry--refused .meta span { color: var(--bad); }
.plain { text-decoration: underline; text-underline-offset: 2px; min-block-size: 24px; padding-inline: 2px; }
.event { align-self: center; text-align: center; max-inline-size: 92%; padding: 6px 8px; font-size: 13px; color: var(--soft); }
.beads { display: flex; gap: 5px; padding: 14px; border-radius: 14px; background: var(--bubble); align-self: flex-start; margin-block-start: 6px; }
.beads i { inline-size: 7px; block-size: 7px; border-radius: 50%; background: var(--soft); animation: bead 1.2s infinite ease-in-out; }
.beads i:nth-of-type(2) { animation-delay: .16s; }
.beads i:nth-of-type(3) { animation-delay: .32s; }
@keyframes bead { 0%, 60%, 100% { opacity: .35; } 30% { opacity: 1; transform: translateY(-3px); } }
.files, .tray { list-style: none; padding: 0; display: flex; flex-direction: column; gap: 6px; max-inline-size: 100%; }
.text + .files { margin-block-start: 6px; }
.file { display: flex; align-items: center; flex-wrap: wrap; gap: 2px 8px; max-inline-size: 100%; padding: 8px 12px; border: 1px solid var(--edge); border-radius: 12px; color: var(--ink); text-decoration: none; background: var(--ground); }
a.file:hover .file__name { text-decoration: underline; }
.file .icon { inline-size: 18px; block-size: 18px; color: var(--soft); }
.file__name { flex: 1; min-inline-size: 4em; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.file__size { font-size: 12.5px; color: var(--soft); white-space: nowrap; }
.file__picture { display: block; flex-basis: 100%; max-inline-size: 100%; max-block-size: 220px; object-fit: contain; border-radius: 8px; }
.quick { display: flex; flex-wrap: wrap; gap: 8px; padding-block-start: 12px; }
.offer { padding: 7px 14px; border: 1px solid var(--accent); border-radius: 18px; color: var(--ink); background: var(--ground); overflow-wrap: anywhere; min-block-size: 36px; }
.offer:hover { background: var(--bubble); }
.offer { text-align: start; transition: background .15s; }
.foot { position: relative; border-block-start: 1px solid var(--edge); }
.latest { position: absolute; inset-block-end: calc(100% + 10px); inset-inline: 0; margin-inline: auto; inline-size: fit-content; display: flex; align-items: center; gap: 6px; padding: 7px 14px; border: 1px solid var(--edge); border-radius: 18px; background: var(--ground); font-size: 13.5px; box-shadow: 0 3px 12px rgb(0 0 0 / .16); }
.latest .icon { inline-size: 16px; block-size: 16px; }
.composer { padding: 10px 12px; padding-block-end: max(10px, env(safe-area-inset-bottom)); max-block-size: 60dvh; overflow-y: auto; }
.about { border: 0; padding: 4px 0 10px; min-inline-size: 0; display: grid; gap: 10px; }
.about legend { padding: 0 0 10px; font-weight: 600; }
.label { display: block; padding-block-end: 4px; font-size: 13px; color: var(--soft); }
.input { display: block; inline-size: 100%; padding: 10px 12px; font-size: 16px; line-height: 1.35; border: 1px solid var(--field); border-radius: 11px; background: var(--ground); color: var(--ink); }
.input:focus-visible { outline-offset: 0; }
.input::placeholder { color: var(--soft); opacity: 1; }
.input[aria-invalid] { border-color: var(--bad); }
.input--message { resize: none; max-block-size: 132px; overflow-y: auto; }
.fault { padding-block-start: 4px; font-size: 13px; color: var(--bad); }
.row { display: flex; align-items: flex-end; gap: 6px; }
.row .field { flex: 1; min-inline-size: 0; }
.round { inline-size: 44px; block-size: 44px; border-radius: 50%; display: grid; place-items: center; flex: none; background: var(--brand); color: var(--on-brand); }
.attach { block-size: 44px; }
.stop .icon { fill: currentColor; }
.tray { padding-block-end: 8px; max-block-size: 132px; overflow-y: auto; }
.tray li { display: flex; align-items: center; gap: 4px; }
.tray .file { flex: 1; }
.drop { position: absolute; inset: 8px; display: grid; place-items: center; border: 2px dashed var(--accent); border-radius: 12px; background: var(--ground); font-weight: 600; opacity: .95; pointer-events: none; }
@media (max-width: 480px) {
  .root[data-open="true"] { inset: var(--top, 0) 0 auto; block-size: var(--height, 100%); }
  .root[data-open="true"] .launcher { display: none; }
  .panel { inline-size: 100%; block-size: 100%; border: 0; border-radius: 0; }
}
@media (forced-colors: active) {
  .text, .round, .badge, .offer, .beads { border: 1px solid; }
}
`;

/** What is the same for every shop. */
export function sheet() {
  return sheetOf(LAUNCHER + CSS);
}
