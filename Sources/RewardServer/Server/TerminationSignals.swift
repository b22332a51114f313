import Glibc

/// SIGTERM and SIGINT as calls on a thread of their own: the first ends politely, the second at once. SIGHUP may stand
/// for a call of its own.
package enum TerminationSignals {
    /// Takes the signals over. Call before any other thread exists, so that all inherit the mask.
    ///
    /// - Parameters:
    ///   - hangUp: is called for every SIGHUP. Nil leaves that signal alone.
    ///   - first: is called once, with the signal's name. Both on a thread of their own.
    package static func take(
        hangUp: (@Sendable () -> Void)? = nil, first: @escaping @Sendable (String) -> Void
    ) {
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGTERM)
        sigaddset(&signals, SIGINT)
        if hangUp != nil { sigaddset(&signals, SIGHUP) }
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        let taken = signals
        ThreadStart.detached {
            var signals = taken
            var number: Int32 = 0
            var isEnding = false
            while true {
                sigwait(&signals, &number)
                if number == SIGHUP {
                    hangUp?()
                } else if isEnding {
                    // What shells report for a process that a signal ended.
                    _exit(128 + number)
                } else {
                    isEnding = true
                    first(number == SIGTERM ? "SIGTERM" : "SIGINT")
                }
            }
        }
    }
}
