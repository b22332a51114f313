/// How long a client waits and how often it tries again.
public struct RetryPolicy: Sendable, Equatable {
    /// How long one try may take, queue and pass included; the server gives the work up at the same time.
    /// The default is 120 s.
    public var timeout: Duration
    /// How often a request is sent when no answer comes. The default is 3.
    public var tries: Int
    /// How long refusals that may pass (overload, draining) are waited out. The default is 5 minutes.
    public var patience: Duration
    /// The server says twice in this time that it is still at work; silence for twice as long means that it is gone.
    /// The default is 5 s.
    public var heartbeat: Duration

    public init(
        timeout: Duration = .seconds(120), tries: Int = 3, patience: Duration = .seconds(300),
        heartbeat: Duration = .seconds(5)
    ) {
        self.timeout = timeout
        self.tries = max(tries, 1)
        self.patience = patience
        self.heartbeat = heartbeat
    }
}
