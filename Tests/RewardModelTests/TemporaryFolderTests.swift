import Glibc
import RewardModel
import Testing

@Suite struct TemporaryFolderTests {
    @Test func theFolderIsThisUsersAloneAndEveryCallMakesAnother() throws {
        let folders = try (0..<3).map { _ in try makeTemporaryFolder("rahf-test") }
        defer { for folder in folders { rmdir(folder) } }
        #expect(Set(folders).count == 3)
        for folder in folders {
            var status = stat()
            #expect(stat(folder, &status) == 0)
            #expect(status.st_mode & 0o777 == 0o700)
        }
    }

    @Test func aParentThatMakesThePathTooLongOrIsEmptyGivesWayToTmp() throws {
        let long = "/tmp/" + String(repeating: "x", count: 120)
        for parent in [long, ""] {
            let folder = try makeTemporaryFolder("rahf-test", in: parent, longest: 100)
            defer { rmdir(folder) }
            #expect(folder.hasPrefix("/tmp/rahf-test.") && folder.utf8.count <= 100)
        }
    }

    @Test func aParentThatIsNotThereIsNamed() {
        let failure = #expect(throws: Failure.self) { try makeTemporaryFolder("rahf-test", in: "/tmp/no/such/folder") }
        #expect(failure?.code == .fileError && failure?.message.contains("/tmp/no/such/folder") == true)
    }
}
