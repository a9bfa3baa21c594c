/** In place of what the server of y-websocket may keep documents in. */
export class LeveldbPersistence {}
