import Glibc

/// SIGTERM and SIGINT as calls on a thread of their own: the first ends politely, the second at once.
package enum TerminationSignals {
    /// Takes both signals over. Call before any other thread exists, so that all inherit the mask.
    ///
    /// - Parameter first: is called once, on a thread of its own, with the signal's name.
    package static func take(first: @escaping @Sendable (String) -> Void) {
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGTERM)
        sigaddset(&signals, SIGINT)
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        let taken = signals
        ThreadStart.detached {
            var signals = taken
            var number: Int32 = 0
            sigwait(&signals, &number)
            first(number == SIGTERM ? "SIGTERM" : "SIGINT")
            sigwait(&signals, &number)
            // What shells report for a process that a signal ended.
            _exit(128 + number)
        }
    }
}
