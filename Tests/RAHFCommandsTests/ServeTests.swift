import FoundationEssentials
import Glibc
import RewardModel
import RewardTestSupport
import Testing

/// The built command as a server process.
@Suite struct ServeTests {
    private static let model = Fixtures.path("RewardModelTests", "golden-multi-port")
    private static let picture = "\(model)/picture-0.png"
    private static let binary = "\(Fixtures.repository)/.build/release/rahf"

    /// A running `rahf serve` at a socket file of its own.
    private struct Service {
        let endpoint: String
        let process: pid_t

        init(_ name: String, options: [String] = []) throws {
            endpoint = "ipc:///tmp/rahf-\(name)-\(getpid()).sock"
            let arguments =
                [ServeTests.binary, "serve", "--model", ServeTests.model, "--bind", endpoint, "--log-level", "error"]
                + options
            var cArguments = arguments.map { strdup($0) } + [nil]
            defer { for pointer in cArguments { free(pointer) } }
            var pid = pid_t()
            try #require(posix_spawn(&pid, ServeTests.binary, nil, nil, &cArguments, environ) == 0)
            process = pid
        }

        func signal(_ number: Int32) { kill(process, number) }

        /// The exit code, or 1000 and the signal that ended the process.
        func exitCode() -> Int32 {
            var status: Int32 = 0
            waitpid(process, &status, 0)
            return status & 0x7f == 0 ? status >> 8 & 0xff : 1000 + status & 0x7f
        }
    }

    private func rahf(_ arguments: String) -> (output: String, code: Int32) {
        guard let pipe = popen("\(Self.binary) \(arguments) 2>/dev/null", "r") else { return ("", -1) }
        var output: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while case let count = fread(&chunk, 1, chunk.count, pipe), count > 0 { output += chunk[..<count] }
        return (String(decoding: output, as: UTF8.self), pclose(pipe) >> 8)
    }

    @Test func scoresAndGradientsThroughAServerAreTheLocalOnesByteForByte() throws {
        let service = try Service("same")
        let images =
            "--prompt 'a red cat, on a mat' --format json \(Self.picture) \(Self.model)/picture-1.png /dev/null"
        let remote = rahf("score --server \(service.endpoint) \(images)")
        let local = rahf("score --model \(Self.model) \(images)")
        #expect(remote.output == local.output && remote.code == 1 && local.code == 1)
        #expect(remote.output.split(separator: "\n").count == 3)
        let out = "/tmp/rahf-same-\(getpid())"
        let of = "--prompt 'a cat' --of plausibility=1,implausibility=-0.5"
        #expect(rahf("gradient --server \(service.endpoint) \(of) --out \(out).1.npy \(Self.picture)").code == 0)
        #expect(rahf("gradient --model \(Self.model) \(of) --out \(out).2.npy \(Self.picture)").code == 0)
        let files = try (1...2).map { try Data(contentsOf: URL(filePath: "\(out).\($0).npy")) }
        #expect(files[0] == files[1] && files[0].count > 128)
        service.signal(SIGTERM)
        #expect(service.exitCode() == 0)
    }

    @Test(arguments: [
        "--bind tcp://0.0.0.0:5599", "--bind udp://127.0.0.1:1", "--max-batch 0", "--queue-items -1",
        "--log-level loud", "--max-message 4096",
    ])
    func wrongUsageExitsWith64(arguments: String) {
        #expect(rahf("serve --model \(Self.model) \(arguments)").code == 64)
    }

    @Test func anAddressInUseFailsAndNamesIt() throws {
        let service = try Service("taken")
        while access(String(service.endpoint.dropFirst(6)), F_OK) != 0 { usleep(1000) }
        #expect(rahf("serve --model \(Self.model) --bind \(service.endpoint)").code == 1)
        service.signal(SIGTERM)
        #expect(service.exitCode() == 0)
    }
}
