/// What a server is at after a turn of its sockets' thread.
package struct ServerState: Sendable, Equatable {
    package var queuedItems = 0
    package var queuedBytes = 0
    /// When the item that waits longest came.
    package var oldestArrival: ContinuousClock.Instant?
    package var runningItems = 0
    /// When the batch in the engine went in.
    package var runningSince: ContinuousClock.Instant?
    package var openRequests = 0
    /// Connections with something to ask.
    package var clients = 0
    /// A request would be taken, and no end has been asked for.
    package var isReady = false
    package var isDraining = false

    package init() {}
}
