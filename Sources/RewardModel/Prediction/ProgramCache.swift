/// Programs by key. Those unused longest go when there are too many or they hold too much memory; the one just asked for
/// always stays.
///
/// A service meets every batch size with every prompt length, and a program costs far less to compile than to run.
package struct ProgramCache<Key: Hashable, Value> {
    private var entries: [(key: Key, value: Value)] = []
    private let count: Int
    private let bytes: Int
    private let size: (Value) -> Int

    /// - Parameters:
    ///   - count: most programs kept, at least 1.
    ///   - bytes: most memory they hold together.
    ///   - size: bytes that one holds.
    package init(count: Int, bytes: Int, size: @escaping (Value) -> Int) {
        self.count = count
        self.bytes = bytes
        self.size = size
    }

    /// How many programs are kept.
    package var keptCount: Int { entries.count }

    package mutating func value<E: Error>(_ key: Key, make: () throws(E) -> Value) throws(E) -> Value {
        if let index = entries.firstIndex(where: { $0.key == key }) {
            let entry = entries.remove(at: index)
            entries.append(entry)
            return entry.value
        }
        let value = try make()
        entries.append((key, value))
        var held = entries.reduce(0) { $0 + size($1.value) }
        while entries.count > 1, entries.count > count || held > bytes { held -= size(entries.removeFirst().value) }
        return value
    }
}
