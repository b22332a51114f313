import GRDB
package import RewardModel
package import RewardSelection

/// Scores that were computed, on disk: one row per image content, prompt and model, in a plain SQLite file.
///
/// A batch is there whole or not at all, so a process killed at any point loses at most the batch it was scoring.
package final class ScoreStore: Sendable {
    /// What a row is found by.
    package struct Key: Hashable, Sendable {
        /// SHA-256 of the image file.
        package var content: String
        package var prompt: String

        package init(content: String, prompt: String) {
            self.content = content
            self.prompt = prompt
        }
    }

    /// What a row holds.
    package enum Entry: Equatable, Sendable {
        case scores(ScoreVector)
        /// The model refuses this image or prompt, and would again.
        case refused(FailureCode)
    }

    private let database: DatabaseQueue
    private let path: String
    private let model: String
    private static let version = 1

    /// Opens or makes a store for one model's scores.
    ///
    /// - Throws: `Failure` with `fileError` for a file that is no store of ours.
    package init(path: String, model: String) throws(Failure) {
        self.path = path
        self.model = model
        do {
            var configuration = Configuration()
            configuration.busyMode = .timeout(30)
            configuration.journalMode = .wal
            database = try DatabaseQueue(path: path, configuration: configuration)
            try database.write { db in
                switch try Int.fetchOne(db, sql: "PRAGMA user_version") {
                case Self.version: break
                case 0 where try Int.fetchOne(db, sql: "SELECT count(*) FROM sqlite_master") == 0:
                    try db.execute(
                        sql: """
                            CREATE TABLE score (
                                content TEXT NOT NULL, prompt TEXT NOT NULL, model TEXT NOT NULL,
                                plausibility REAL, alignment REAL, aesthetics REAL, overall REAL, refused TEXT,
                                PRIMARY KEY (content, prompt, model)
                            ) STRICT, WITHOUT ROWID;
                            PRAGMA user_version = \(Self.version);
                            """)
                default: throw Failure(.fileError, "\(path) is a database of something else")
                }
            }
        } catch {
            throw Self.failure(error, path)
        }
    }

    /// How many images and prompts of this model it holds.
    package func count() throws(Failure) -> Int {
        do {
            return try database.read { db in
                try Int.fetchOne(db, sql: "SELECT count(*) FROM score WHERE model = ?", arguments: [self.model]) ?? 0
            }
        } catch {
            throw Self.failure(error, path)
        }
    }

    /// What is known of `keys`; absent ones are not in the result.
    package func entries(_ keys: [Key]) throws(Failure) -> [Key: Entry] {
        do {
            return try database.read { db in
                let statement = try db.cachedStatement(
                    sql: """
                        SELECT plausibility, alignment, aesthetics, overall, refused FROM score
                        WHERE content = ? AND prompt = ? AND model = ?
                        """)
                var found: [Key: Entry] = [:]
                for key in keys where found[key] == nil {
                    guard let row = try Row.fetchOne(statement, arguments: [key.content, key.prompt, self.model]) else {
                        continue
                    }
                    if let refused = row["refused"] as String? {
                        found[key] = .refused(FailureCode(rawValue: refused) ?? .internalError)
                    } else if let a = row["plausibility"] as Double?, let b = row["alignment"] as Double?,
                        let c = row["aesthetics"] as Double?, let d = row["overall"] as Double?
                    {
                        found[key] = .scores([a, b, c, d])
                    }
                }
                return found
            }
        } catch {
            throw Self.failure(error, path)
        }
    }

    /// Adds rows in one transaction.
    package func add(_ entries: [(Key, Entry)]) throws(Failure) {
        guard !entries.isEmpty else { return }
        do {
            try database.write { db in
                let statement = try db.cachedStatement(
                    sql: "INSERT OR IGNORE INTO score VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
                for (key, entry) in entries {
                    switch entry {
                    case .scores(let scores):
                        try statement.execute(
                            arguments: [
                                key.content, key.prompt, self.model, scores[0], scores[1], scores[2], scores[3], nil,
                            ])
                    case .refused(let code):
                        try statement.execute(
                            arguments: [key.content, key.prompt, self.model, nil, nil, nil, nil, code.rawValue])
                    }
                }
            }
        } catch {
            throw Self.failure(error, path)
        }
    }

    private static func failure(_ error: any Error, _ path: String) -> Failure {
        error as? Failure ?? Failure(.fileError, "\(path): \(error)")
    }
}
