import FoundationEssentials
import RewardTestSupport

func readBytes(_ path: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: URL(filePath: path)))
}

/// A folder that goes when the test is over.
final class ScratchFolder {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.path + "/world-tests-\(UInt64.random(in: 0 ... .max))"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// The files below, by path from here.
    func files(_ folder: String) throws -> [String: [UInt8]] {
        var found: [String: [UInt8]] = [:]
        for name in try FileManager.default.subpathsOfDirectory(atPath: "\(path)/\(folder)") {
            var directory = false
            guard FileManager.default.fileExists(atPath: "\(path)/\(folder)/\(name)", isDirectory: &directory),
                !directory
            else { continue }
            found[name] = try readBytes("\(path)/\(folder)/\(name)")
        }
        return found
    }
}

/// The photographs that the repository carries.
let samplePhotographs = "\(Fixtures.repository)/Examples/photographs"
