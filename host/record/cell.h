// Cell: the mutable value that the handles of a Variable share.
#pragma once

#include <tendon/variable.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>

#include "host/record/node.h"

namespace tendon::detail {

class Cell {
 public:
  Cell(const Tensor& initial, std::string name, bool trainable, Place place);
  Cell(const Cell&) = delete;
  Cell& operator=(const Cell&) = delete;

  // The cell with this id; null where it is gone.
  static std::shared_ptr<Cell> find(std::uint64_t id);
  // For find(), once: when it is shared.
  static void list(const std::shared_ptr<Cell>& self);
  ~Cell();

  std::uint64_t id() const { return id_; }
  const std::string& name() const { return *name_; }
  // Outlives the cell in what tells of it later.
  const std::shared_ptr<const std::string>& shared_name() const { return name_; }
  bool trainable() const { return trainable_; }
  const ops::Type& type() const { return type_; }
  Device device() const { return device_; }
  Place place() const { return place_; }

  // The value now. While a tape of the thread records, a reading that the tape may watch, one for
  // all reads in between two changes of what is recorded or assigned.
  static Tensor read(const std::shared_ptr<Cell>& self, Place place);
  // The same as a tensor that the user keeps: where no tape records it is a reading of its own, so
  // that an explanation can name the place of the copy.
  static Tensor copy(const std::shared_ptr<Cell>& self, Place place);
  record::NodePtr current();
  void forget_reading();  // the next read makes a new one

  // Whether it was listed before, as assigned and perhaps without a value.
  bool list_as_pending() { return pending_.exchange(true); }
  void unlist_as_pending() { pending_ = false; }

  // `made_of`: what the user gave, where the library computed the value from it.
  static void assign(const std::shared_ptr<Cell>& self, const Tensor& value, const char* call,
                     Place place, std::span<record::Node* const> made_of = {});

 private:
  std::uint64_t id_;
  std::shared_ptr<const std::string> name_;
  bool trainable_;
  ops::Type type_;
  Device device_;
  Place place_;

  std::atomic<bool> pending_ = false;

  std::mutex mutex_;  // guards what follows
  record::NodePtr current_;
  record::NodePtr reading_;
  std::uint64_t reading_epoch_ = 0;
};

}  // namespace tendon::detail
