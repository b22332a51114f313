import Glibc
import RewardImage
import RewardModel
import Subprocess
import SystemPackage

/// Runs somebody's inpainter, once per seed.
struct Inpainter {
    var template: CommandTemplate
    /// Seconds a run may take; nil lets it take any time.
    var timeout: Double?

    /// Runs the command and decodes what it wrote.
    ///
    /// A file left from an earlier run is removed first, so that it is never taken for this run's. What the command
    /// prints goes to `log`.
    func run(_ values: CommandTemplate.Values, log: String) async -> Candidate {
        guard let words = template.filled(values) else {
            return Candidate(path: values.out, seed: values.seed, problem: "the prompt or a name holds a NUL")
        }
        unlink(values.out)
        var candidate = Candidate(path: values.out, seed: values.seed)
        if let problem = await execute(words, log: log) {
            candidate.problem = "\(problem); its output is in \(log)"
            return candidate
        }
        do throws(Failure) { candidate.image = try loadImage(values.out).image } catch {
            candidate.problem = "\(error.message); the command's output is in \(log)"
        }
        return candidate
    }

    /// Nil when the command ended well.
    private func execute(_ words: [String], log: String) async -> String? {
        do {
            let file = try FileDescriptor.open(
                FilePath(log), .writeOnly, options: [.create, .truncate], permissions: .init(rawValue: 0o644))
            defer { try? file.close() }
            let program: Executable = words[0].contains("/") ? .path(FilePath(words[0])) : .name(words[0])
            let options = timeout == nil ? PlatformOptions() : Self.ownGroup
            let status = try await within(timeout) {
                try await Subprocess.run(
                    program, arguments: Arguments(Array(words.dropFirst())), platformOptions: options,
                    output: .fileDescriptor(file, closeAfterSpawningProcess: false), error: .combinedWithOutput
                ).terminationStatus
            }
            switch status {
            case nil: return "the command took longer than \(timeout ?? 0) seconds"
            case .exited(0): return nil
            case .exited(let code): return "the command exited with \(code)"
            case .signaled(let signal): return "the command was ended by signal \(signal)"
            }
        } catch { return "the command could not be run: \(error)" }
    }

    /// A run with a time limit has a process group of its own, so that what it started ends with it. Others stay in ours,
    /// and Control-C reaches them.
    private static let ownGroup: PlatformOptions = {
        var options = PlatformOptions()
        options.processGroupID = 0
        options.teardownSequence = [
            .gracefulShutDown(toProcessGroup: true, allowedDurationToNextStep: .seconds(3)),
            .send(signal: .kill, toProcessGroup: true, allowedDurationToNextStep: .seconds(1)),
        ]
        return options
    }()

    /// The work's result, or nil when it took too long and was cancelled.
    private func within<Value: Sendable>(
        _ seconds: Double?, _ work: @escaping @Sendable () async throws -> Value
    ) async throws -> Value? {
        guard let seconds else { return try await work() }
        return try await withThrowingTaskGroup(of: Value?.self) { group in
            group.addTask { try await work() }
            group.addTask {
                try await Task.sleep(for: .seconds(seconds))
                return nil
            }
            let first = try await group.next() ?? nil
            group.cancelAll()
            // A cancelled run throws or ends by a signal; either way the time was up.
            while (try? await group.next()) != nil {}
            return first
        }
    }
}
