// The storage
export { fileStorage } from './file-storage.ts'
