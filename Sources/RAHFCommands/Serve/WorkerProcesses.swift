import Glibc
import Logging
import RewardModel
import RewardServer
import Synchronization

/// Processes that are started again when they die, until they are told to end.
final class WorkerProcesses: Sendable {
    private struct State {
        var processes: [pid_t?]
        var isEnding = false
    }

    private let commands: [[String]]
    private let log: Logger
    private let state: Mutex<State>
    private let left = Atomic(0)
    /// The workers' standard input: it ends with this process, however that ends, and they with it.
    private let lifeline: (read: Int32, write: Int32)

    /// - Parameter commands: program and arguments of each.
    init(_ commands: [[String]], log: Logger) throws(Failure) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0, ends.allSatisfy({ fcntl($0, F_SETFD, FD_CLOEXEC) == 0 }) else {
            throw Failure(.internalError, "no pipe for the workers: \(String(cString: strerror(errno)))")
        }
        lifeline = (ends[0], ends[1])
        self.commands = commands
        self.log = log
        state = Mutex(State(processes: commands.map { _ in nil }))
    }

    deinit {
        close(lifeline.read)
        close(lifeline.write)
    }

    /// Starts them all, each watched by a thread of its own.
    func start() {
        left.store(commands.count, ordering: .releasing)
        for index in commands.indices {
            ThreadStart.detached { [self] in
                keepAlive(index)
                left.subtract(1, ordering: .acquiringAndReleasing)
            }
        }
    }

    /// Asks them to end politely, and returns when all have.
    func end() {
        let processes = state.withLock { state in
            state.isEnding = true
            return state.processes
        }
        for case let process? in processes { kill(process, SIGTERM) }
        while left.load(ordering: .acquiring) > 0 { usleep(5000) }
    }

    private func keepAlive(_ index: Int) {
        var pause = Duration.milliseconds(200)
        while true {
            let started = ContinuousClock.now
            guard let process = spawn(index) else { return }
            var status: Int32 = 0
            while waitpid(process, &status, 0) < 0, errno == EINTR {}
            let isEnding = state.withLock { state in
                state.processes[index] = nil
                return state.isEnding
            }
            if isEnding { return }
            let reason = status & 0x7f == 0 ? "exit code \(status >> 8 & 0xff)" : "signal \(status & 0x7f)"
            // One that cannot live is not started all the time.
            pause = ContinuousClock.now - started > .seconds(10) ? .milliseconds(200) : min(pause * 2, .seconds(30))
            log.error(
                "a worker died", metadata: ["worker": "\(index + 1)", "reason": "\(reason)", "again_in": "\(pause)"])
            let end = ContinuousClock.now + pause
            while ContinuousClock.now < end {
                if state.withLock({ $0.isEnding }) { return }
                usleep(20_000)
            }
        }
    }

    /// Nil when the end was asked for, or nothing can be started.
    private func spawn(_ index: Int) -> pid_t? {
        state.withLock { state in
            guard !state.isEnding else { return nil }
            var attributes = posix_spawnattr_t()
            posix_spawnattr_init(&attributes)
            defer { posix_spawnattr_destroy(&attributes) }
            // This process keeps its signals for a thread of its own; the worker starts with none kept.
            var none = sigset_t()
            sigemptyset(&none)
            posix_spawnattr_setsigmask(&attributes, &none)
            // A terminal's interrupt is for this process, which tells the workers.
            posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP))
            var files = posix_spawn_file_actions_t()
            posix_spawn_file_actions_init(&files)
            defer { posix_spawn_file_actions_destroy(&files) }
            posix_spawn_file_actions_adddup2(&files, lifeline.read, 0)
            var arguments = commands[index].map { strdup($0) } + [nil]
            defer { for argument in arguments { free(argument) } }
            var process = pid_t()
            let status = posix_spawn(&process, commands[index][0], &files, &attributes, &arguments, environ)
            guard status == 0 else {
                log.error(
                    "a worker cannot be started",
                    metadata: ["worker": "\(index + 1)", "reason": "\(String(cString: strerror(status)))"])
                return nil
            }
            state.processes[index] = process
            return process
        }
    }
}
