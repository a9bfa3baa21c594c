// What a relay needs of texts and docs to serve other people's Yjs clients. Nothing here needs a store.
export { openDocument } from './codec-document.ts'
export type { CodecTag, DocumentNews, RelayDocument } from './codec-document.ts'
export { renameRoots, rootsIn } from './codec-roots.ts'
