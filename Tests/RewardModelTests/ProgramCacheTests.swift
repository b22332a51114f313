import RewardModel
import Testing

@Suite struct ProgramCacheTests {
    private enum Never: Error {}

    private func filled(count: Int, bytes: Int, with keys: [Int]) -> (made: [Int], kept: Int) {
        var cache = ProgramCache<Int, Int>(count: count, bytes: bytes) { $0 }
        var made: [Int] = []
        for key in keys {
            let value = try? cache.value(key) { () throws(Never) in
                made.append(key)
                return key * 10
            }
            #expect(value == key * 10)
        }
        return (made, cache.keptCount)
    }

    @Test func theOneUnusedLongestGoesFirst() {
        let cache = filled(count: 2, bytes: 1000, with: [1, 2, 1, 3, 1, 2])
        #expect(cache.made == [1, 2, 3, 2] && cache.kept == 2)
    }

    @Test func memoryIsBoundedToo() {
        // 10 + 20 fit in 35 bytes, 20 + 30 do not.
        let cache = filled(count: 9, bytes: 35, with: [1, 2, 1, 2, 3, 2])
        #expect(cache.made == [1, 2, 3, 2] && cache.kept == 1)
    }

    @Test func theOneAskedForStaysWhateverItsSize() {
        #expect(filled(count: 9, bytes: 5, with: [4, 4, 4]).made == [4])
    }
}
