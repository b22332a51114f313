// Scores a batch of pictures made in memory, one of them with an unreadable prompt, and prints a line for each.
//
//     c++ -std=c++11 batch.cpp $(pkg-config --cflags --libs rahf) -o batch
//     ./batch MODEL_FOLDER
#include "rahf.hpp"

#include <iostream>
#include <vector>

int main(int argc, char **argv) {
    if (argc != 2) {
        std::cerr << "usage: batch MODEL_FOLDER\n";
        return 2;
    }
    try {
        rahf::Model model(argv[1]);
        rahf::Request request;
        const uint32_t width = 96, height = 64;
        for (int picture = 0; picture < 4; picture++) {
            std::vector<unsigned char> rgb(width * height * 3);
            for (std::size_t i = 0; i < rgb.size(); i++) rgb[i] = static_cast<unsigned char>(i * (picture + 1) / 7);
            request.add(rgb.data(), width, height, picture == 2 ? "\xff" : "a striped cloth", RAHF_OUTPUT_SCORES);
        }
        rahf::Result result = model.score(request);
        for (std::size_t item = 0; item < result.size(); item++) {
            try {
                const float overall = result.scores(item)[RAHF_SCORE_OVERALL];
                std::cout << item << ": overall " << overall << "\n";
            } catch (const rahf::Error &error) {
                std::cout << item << ": " << error.what() << "\n";
            }
        }
    } catch (const rahf::Error &error) {
        std::cerr << error.what() << "\n";
        return 1;
    }
}
