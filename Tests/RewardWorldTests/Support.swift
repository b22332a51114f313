import FoundationEssentials
import RewardTestSupport

func readBytes(_ path: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: URL(filePath: path)))
}

extension TemporaryFolder {
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
