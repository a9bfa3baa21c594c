// One storage for each of those who work here
export { storageOf } from './storage-of.ts'
export { unsyncedIn } from './unsynced.ts'
export type { UnsyncedSpace } from './unsynced.ts'
export { signOut } from './sign-out.ts'
export type { SignedOut, SignOutOptions } from './sign-out.ts'
