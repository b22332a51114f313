/// Finds checked-in files from the tests that read them.
public enum Fixtures {
    /// The folder that holds every test target.
    public static let testsFolder = {
        let file = #filePath
        return String(file.prefix(upTo: file.range(of: "/RewardTestSupport/").lowerBound))
    }()

    /// The repository's top folder.
    public static let repository = String(testsFolder.dropLast("/Tests".count))

    /// A file in `Tests/<target>/Fixtures`.
    public static func path(_ target: String, _ name: String) -> String {
        "\(testsFolder)/\(target)/Fixtures/\(name)"
    }
}

extension String {
    fileprivate func range(of needle: String) -> Range<String.Index> {
        guard let found = ranges(of: needle).first else { preconditionFailure("\(self) lies outside the tests") }
        return found
    }
}
